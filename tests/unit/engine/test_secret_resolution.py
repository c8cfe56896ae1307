from __future__ import annotations

import pytest
from builders import (
    KEY,
    SALES,
    SUPPORT,
    desired,
    entry,
    plan,
    ref,
    removal,
    secret_record,
    server,
    snapshot,
)
from fakes import FakeProvider

from icesync.codec.fingerprint import FingerprintKey, encode_key, secret_tag
from icesync.diagnostics import SourcePosition
from icesync.engine.secret_resolution import (
    Resolution,
    attach_tags,
    compare,
    missing_for_the_removed,
    missing_secrets,
    open_key,
    planned_references,
    resolve_references,
)
from icesync.errors import ConfigInvalid, SecretMissing
from icesync.model.secret import SecretComparison, SecretValue
from icesync.model.snapshot import EntryStatus

CHANGED = SecretComparison.CHANGED
NOT_COMPARED = SecretComparison.NOT_COMPARED
PASSWORD = {"smtp.password": "smtp"}
HERE = SourcePosition("icesync.yaml")
KEY_TEXT = encode_key(bytes(range(32)))


def found(text: str = "smtp", value: str = "canary-4711") -> Resolution:
    """Return the resolution of one reference."""
    return Resolution({ref(text).text: SecretValue(value)})


def failed(text: str = "smtp", *hints: str) -> Resolution:
    """Return the failure of one reference."""
    return Resolution({}, {ref(text).text: SecretMissing(f"`{ref(text)}` is not set", *hints)})


def test_each_reference_is_looked_up_once() -> None:
    """However many servers use a secret, its provider is asked once, failing or not."""
    provider = FakeProvider(values={"a": "x"})

    resolution = resolve_references([ref("a"), ref("b"), ref("a"), ref("b")], {"fake": provider})

    assert provider.fetched == [ref("a"), ref("b")]
    assert resolution.values["ref+fake://a"].reveal() == "x"
    assert resolution.failures["ref+fake://b"].message == "`ref+fake://b` is not set"


@pytest.mark.parametrize(
    ("value", "real"),
    [
        ("…", False), ("...", False), ("<password>", False), ("<your password>", False),
        ("\u2039…>", False), ("\u2039password\u203a", False), ("********", False), ("•••", False),
        ("**", True), ("<3", True), ("<a1>", True), ("..", True), ("pass…word", True),
        ("*_*_*", True), ("changes", True),
    ],
)  # fmt: skip
def test_placeholder_is_no_secret(value: str, real: bool) -> None:
    """What a printed command or a mask left in a secret's place is not sent."""
    resolution = resolve_references([ref("a")], {"fake": FakeProvider(values={"a": value})})

    assert bool(resolution.values) is real
    assert [f.message for f in resolution.failures.values()] == (
        [] if real else ["ref+fake://a still has the placeholder"]
    )


def test_unknown_provider_is_a_failure() -> None:
    """A scheme that nobody serves leads nowhere."""
    resolution = resolve_references([ref("a")], {})

    assert resolution.failures["ref+fake://a"].message == (
        "`ref+fake://a` names an unknown secret provider"
    )


def test_key_is_opened() -> None:
    """The key behind its reference, for a snapshot that was made with it or with none."""
    providers = {"fake": FakeProvider(values={"key": KEY_TEXT})}

    assert open_key(ref("key"), providers, snapshot(key_id=KEY.id)).id == KEY.id
    assert open_key(ref("key"), providers, snapshot()).id == KEY.id


def test_other_key_is_an_error() -> None:
    """Under another key all passwords would look rotated."""
    providers = {"fake": FakeProvider(values={"key": encode_key(bytes(32))})}

    with pytest.raises(ConfigInvalid, match="wrong fingerprint key") as caught:
        open_key(ref("key"), providers, snapshot(key_id=KEY.id))

    assert KEY.id in caught.value.message
    assert encode_key(bytes(32)) not in caught.value.message


@pytest.mark.parametrize(
    ("values", "told"),
    [({}, "is not set"), ({"key": "hunter2"}, "is not 256 bits in base64")],
    ids=["missing", "no key"],
)
def test_key_that_cannot_be_opened_is_missing(values: dict[str, str], told: str) -> None:
    """The message says which, and how to make one."""
    with pytest.raises(SecretMissing, match=told) as caught:
        open_key(ref("key"), {"fake": FakeProvider(values=values)}, snapshot())

    assert "run `icesync keygen` to create one" in caught.value.hints
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("record", "resolution", "key", "comparison"),
    [
        (secret_record("smtp", "canary-4711"), found(), KEY, None),
        (secret_record("smtp", "canary-4712"), found(), KEY, CHANGED),
        (secret_record("old", "canary-4711"), found(), KEY, None),
        (secret_record("smtp"), found(), KEY, NOT_COMPARED),
        (secret_record("old"), found(), KEY, CHANGED),
        (secret_record("smtp", "canary-4711"), found(), None, NOT_COMPARED),
        (secret_record("old", "canary-4711"), found(), None, CHANGED),
        (secret_record("smtp", "canary-4711"), failed(), KEY, NOT_COMPARED),
        (secret_record("old", "canary-4711"), failed(), KEY, CHANGED),
    ],
    ids=["equal", "rotated", "equal under another name", "no fingerprint",
         "no fingerprint, another name", "no key", "no key, another name", "no value",
         "no value, another name"],
)  # fmt: skip
def test_secret_is_compared_with_what_was_acknowledged(
    record: object,
    resolution: Resolution,
    key: FingerprintKey | None,
    comparison: SecretComparison | None,
) -> None:
    """By fingerprint where there is one, else by reference; what equals is not listed."""
    before = snapshot({SUPPORT: entry(secrets={"smtp.password": record})})  # type: ignore[dict-item]

    findings = compare(desired(server(secrets=PASSWORD)), before, resolution, key)

    expected = {} if comparison is None else {SUPPORT: {"smtp.password": comparison}}
    assert findings.exceptions == expected


def test_new_secret_of_a_known_server_is_changed() -> None:
    """What was never sent for this field is new."""
    before = snapshot({SUPPORT: entry()})

    findings = compare(desired(server(secrets=PASSWORD)), before, found(), KEY)

    assert findings.exceptions == {SUPPORT: {"smtp.password": CHANGED}}


def test_secrets_of_a_new_server_are_not_compared_here() -> None:
    """There is nothing to compare them with; the plan knows that they are new."""
    findings = compare(desired(server(secrets=PASSWORD)), snapshot(), found(), KEY)

    assert findings.exceptions == {}


def test_missing_secrets_are_found_at_every_place() -> None:
    """Each server that needs a missing secret says so at its own line."""
    wanted = desired(server(SUPPORT, PASSWORD), server(SALES, PASSWORD))

    diagnostics = missing_secrets(wanted, failed("smtp", "export SMTP=…"))

    assert [(d.rule, d.message, d.hint) for d in diagnostics] == [
        ("ICE412", f"{a}: `smtp.password`: `ref+fake://smtp` is not set", "export SMTP=…")
        for a in (SUPPORT, SALES)
    ]


def test_missing_secret_may_have_no_hint() -> None:
    """Not every provider knows a way out."""
    [diagnostic] = missing_secrets(desired(server(secrets=PASSWORD)), failed())

    assert diagnostic.hint is None


def test_found_secrets_are_no_finding() -> None:
    """Only failures are told, and only where they are used."""
    wanted = desired(server(secrets=PASSWORD))

    assert missing_secrets(wanted, found()) == ()
    assert missing_secrets(wanted, failed("elsewhere")) == ()


def test_tags_are_attached_to_secrets_that_will_be_sent() -> None:
    """A saved plan recognises the values it was made with."""
    made = attach_tags(plan(desired(server(secrets=PASSWORD))), found(), KEY)

    [secret] = made.changes[0].secrets
    assert secret.tag == secret_tag(KEY, SUPPORT, "smtp.password", SecretValue("canary-4711"))
    assert made.key_id == KEY.id


@pytest.mark.parametrize(
    ("resolution", "key"), [(failed(), KEY), (found(), None)], ids=["no value", "no key"]
)
def test_what_cannot_be_tagged_is_not(resolution: Resolution, key: FingerprintKey | None) -> None:
    """Without the value or without the key there is no tag."""
    made = attach_tags(plan(desired(server(secrets=PASSWORD))), resolution, key)

    assert made.changes[0].secrets[0].tag is None


def test_what_is_not_sent_has_no_tag() -> None:
    """A no-op carries nothing."""
    before = snapshot({SUPPORT: entry()})
    made = plan(desired(server()), before)

    assert attach_tags(made, found(), KEY).changes == made.changes


def test_references_of_the_calls_are_listed_once() -> None:
    """Sorted, without those that are taken back and those that cannot be read."""
    before = snapshot(
        {
            SUPPORT: entry(secrets={"smtp.password": secret_record("old")}),
            SALES: entry(secrets={"smtp.password": secret_record("smtp")}),
        }
    )
    wanted = desired(
        server(SUPPORT, {"pop3.password": "pop3"}),
        server(SALES, {"smtp.password": "smtp", "pop3.password": "pop3"}),
    )

    assert planned_references(plan(wanted, before)) == (ref("pop3"), ref("smtp"))


def test_disabling_needs_the_passwords_of_then() -> None:
    """A record is replaced whole, so a password that is gone is a finding, at its place."""
    before = snapshot({SUPPORT: entry(secrets={"smtp.password": secret_record("smtp")})})
    made = plan(desired(removals=[removal()]), before)
    [diagnostic] = missing_for_the_removed(made, failed(), HERE)

    assert diagnostic.message == "59/663: `smtp.password`: `ref+fake://smtp` is not set"
    assert diagnostic.position == removal().position
    assert "icesync state rm 59/663" in str(diagnostic.hint)


def test_sending_an_open_call_again_needs_its_passwords() -> None:
    """No file names them any more: the finding stands at the configuration."""
    open_entry = entry(EntryStatus.PENDING, secrets={"smtp.password": secret_record("smtp")})
    made = plan(desired(), snapshot({SUPPORT: open_entry}))
    [diagnostic] = missing_for_the_removed(made, failed(), HERE)

    assert diagnostic.position == HERE


def test_disabling_with_its_passwords_passes() -> None:
    """Nothing is found when all are there."""
    before = snapshot({SUPPORT: entry(secrets={"smtp.password": secret_record("smtp")})})

    assert missing_for_the_removed(plan(desired(removals=[removal()]), before), found(), HERE) == ()
