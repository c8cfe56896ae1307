from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from builders import (
    BILLING,
    KEY,
    SALES,
    SUPPORT,
    desired,
    entry,
    plan,
    ref,
    secret_record,
    server,
    snapshot,
)
from fakes import FakeProvider

from icesync.engine.plan_rules import confirmed_hosts, credentials_sent
from icesync.engine.secret_resolution import Identities, Resolution, compare
from icesync.model.secret import SecretIdentity, SecretRef, SecretValue

if TYPE_CHECKING:
    from collections.abc import Mapping

    from icesync.codec.fingerprint import FingerprintKey
    from icesync.model.desired import DesiredServer
    from icesync.model.snapshot import Snapshot

HOST = "smtp.example.test"
BORROWED = server(SALES, {"smtp.password": "other"}, smtp__host="mx.evil.example")


class AliasProvider(FakeProvider):
    """A provider to which ``a`` and ``other`` are two spellings of one secret."""

    def identify(self, reference: SecretRef) -> SecretIdentity:
        """Return the same for both."""
        return SecretIdentity("one" if reference.path in {"smtp", "other"} else reference.path)


def hosts(
    wanted: DesiredServer,
    before: Snapshot,
    values: Mapping[str, str] | None = None,
    key: FingerprintKey | None = KEY,
    identities: Identities | None = None,
) -> frozenset[object] | None:
    """Return the hosts that were given what *wanted* would send by SMTP."""
    held = {ref(name).text: SecretValue(text) for name, text in (values or {}).items()}
    made = plan(desired(wanted), before)
    found = confirmed_hosts(
        made, before, values=held, key=key, identities=identities or Identities({})
    )
    return found.get((wanted.address, "smtp.password"))


def test_another_spelling_is_the_same_secret() -> None:
    """Where its provider says so, whatever the files call it."""
    before = snapshot({SUPPORT: entry(secrets={"smtp.password": secret_record("smtp")})})
    identities = Identities({"fake": AliasProvider()})

    assert hosts(BORROWED, before) is None
    assert hosts(BORROWED, before, identities=identities) == {HOST}


class UnaskedProvider(FakeProvider):
    """A provider that must not be asked."""

    def identify(self, reference: SecretRef) -> SecretIdentity:
        """Fail."""
        raise AssertionError(reference)


def test_a_secret_that_stays_where_it_was_is_looked_for_by_its_reference_alone() -> None:
    """Identities of a whole fleet take long, and few servers change."""
    before = snapshot({SUPPORT: entry(secrets={"smtp.password": secret_record("smtp")})})
    wanted = server(SUPPORT, {"smtp.password": "smtp"}, smtp__port=465)

    assert hosts(wanted, before, identities=Identities({"fake": UnaskedProvider()})) == {HOST}


@pytest.mark.parametrize(
    "values",
    [
        {"other": "s3cret"},
        {"other": "s3cret", "smtp": "s3cret"},
        {"other": "s3cret", "smtp": "new"},
    ],
    ids=["its reference is gone", "both are there", "it was rotated since"],
)
def test_a_value_that_ice_was_given_is_known_by_its_fingerprint(values: dict[str, str]) -> None:
    """Whatever reference leads to it now, and whether or not its own still does."""
    record = secret_record("smtp", "s3cret")
    before = snapshot({SUPPORT: entry(secrets={"smtp.password": record})})

    assert hosts(BORROWED, before, values) == {HOST}


def test_values_are_compared_without_a_key_as_far_as_they_are_at_hand() -> None:
    """What the recorded reference leads to now stands for what was sent."""
    before = snapshot({SUPPORT: entry(secrets={"smtp.password": secret_record("smtp")})})

    assert hosts(BORROWED, before, {"other": "x", "smtp": "x"}, key=None) == {HOST}
    assert hosts(BORROWED, before, {"other": "x", "smtp": "y"}, key=None) is None


def test_another_value_is_another_secret() -> None:
    """A password that ICE never got may go anywhere."""
    record = secret_record("smtp", "s3cret")
    before = snapshot({SUPPORT: entry(secrets={"smtp.password": record})})

    assert hosts(BORROWED, before, {"other": "fresh", "smtp": "s3cret"}) is None


@pytest.mark.parametrize(
    ("before", "wanted", "host", "found"),
    [
        ("doc#/eu/smtp", "doc", "mx.evil.example", {HOST}),
        ("doc#/eu/smtp", "doc#/eu", "mx.evil.example", {HOST}),
        ("doc", "doc#/eu/smtp", "mx.evil.example", {HOST}),
        ("doc#/eu/smtp", "doc#/eu/imap", "mx.evil.example", None),
        ("doc#/eu/smtp", "doc#/e", "mx.evil.example", None),
        ("doc#/eu/smtp", "docs", "mx.evil.example", None),
        ("doc#/eu/smtp", "doc", HOST, None),
        ("doc", "doc#/eu/smtp", HOST, {HOST}),
    ],
)
def test_a_document_is_each_secret_in_it(
    before: str, wanted: str, host: str, found: set[str] | None
) -> None:
    """A host that was given a part is no host of the whole; one that has the whole has each."""
    given = snapshot({SUPPORT: entry(secrets={"smtp.password": secret_record(before)})})
    borrowed = server(SALES, {"smtp.password": wanted}, smtp__host=host)

    assert hosts(borrowed, given) == found


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("smtp: canary-1", {HOST}),
        ("canary-1!", {HOST}),
        ("xcanary-1", {HOST}),
        ("canary-2", None),
        ("canary", None),
        ("hunter22", None),
    ],
)
def test_a_value_around_a_known_one_is_that_secret(value: str, found: set[str] | None) -> None:
    """Whatever stands before and behind it; short ones stand in others by chance."""
    before = snapshot({
        SUPPORT: entry(secrets={"smtp.password": secret_record("smtp", "canary-1")}),
        BILLING: entry(secrets={"smtp.password": secret_record("short", "hunter2", BILLING)}),
    })  # fmt: skip
    values = {"other": value, "smtp": "canary-1", "short": "hunter2"}

    assert hosts(BORROWED, before, values) == found


def test_a_host_with_one_of_two_secrets_is_not_given_both() -> None:
    """An own password beside those of others does not open its host to them."""
    before = snapshot({
        SUPPORT: entry(secrets={"smtp.password": secret_record("smtp", "canary-1")}),
        BILLING: entry(secrets={"smtp.password": secret_record("own", "canary-2", BILLING)},
                       smtp__host="mx.evil.example"),
    })  # fmt: skip
    values = {"other": "canary-1 canary-2", "smtp": "canary-1", "own": "canary-2"}

    assert hosts(BORROWED, before, values) == {HOST}


def test_a_server_may_give_one_password_to_both_its_hosts() -> None:
    """When SMTP follows the rotation of POP3, the host is no new one to that mailbox."""
    before = snapshot({SUPPORT: entry(secrets={
        "pop3.password": secret_record("pop3", "new", key="pop3.password"),
        "smtp.password": secret_record("smtp", "old"),
    })})  # fmt: skip
    wanted = server(SUPPORT, {"smtp.password": "smtp", "pop3.password": "pop3"}, smtp__port=465)

    found = hosts(wanted, before, {"smtp": "new", "pop3": "new"})

    assert found is not None
    assert HOST in found


def changed_hosts(before: Snapshot, wanted: DesiredServer, values: Mapping[str, str]) -> Any:
    """Return the hosts of the password of *wanted*, once its value was compared under the key."""
    held = {ref(name).text: SecretValue(text) for name, text in values.items()}
    state = desired(wanted)
    made = plan(state, before, compare(state, before, Resolution(held), KEY))
    identities = Identities({"fake": AliasProvider()})
    found = confirmed_hosts(made, before, values=held, key=KEY, identities=identities)
    return found.get((wanted.address, "smtp.password"))


def test_a_known_reference_does_not_carry_a_known_password_along() -> None:
    """Its host was given what it led to before, not what it contains now."""
    before = snapshot({
        SUPPORT: entry(secrets={"smtp.password": secret_record("smtp", "canary-1")}),
        SALES: entry(secrets={"smtp.password": secret_record("own", "own-pass", SALES)},
                     smtp__host="mx.evil.example"),
    })  # fmt: skip
    wanted = server(SALES, {"smtp.password": "own"}, smtp__host="mx.evil.example")
    values = {"own": "smtp: canary-1", "smtp": "canary-1"}

    assert changed_hosts(before, wanted, values) == {HOST}


EVIL = "smtp.evil.example"


def at_two_hosts(mine: str = "s3cret", theirs: str = "junk") -> Snapshot:
    """Return a state in which a password of mine is at my host, and one of theirs at theirs."""
    return snapshot({
        SUPPORT: entry(secrets={"smtp.password": secret_record("smtp", mine)}),
        SALES: entry(
            secrets={"smtp.password": secret_record("theirs", theirs, SALES)}, smtp__host=EVIL
        ),
    })  # fmt: skip


@pytest.mark.parametrize(
    ("values", "known"),
    [
        ({"smtp": "s3cret", "theirs": "s3cret"}, {HOST}),
        ({"theirs": "s3cret"}, {HOST}),
        ({"smtp": "s3cret", "theirs": "new"}, {EVIL}),
        ({"smtp": "s3cret", "theirs": "junk"}, {EVIL}),
    ],
    ids=["it leads to mine now", "mine is not looked up", "it was rotated", "nothing changed"],
)
def test_a_reference_that_leads_elsewhere_proves_nothing(
    values: dict[str, str], known: set[str]
) -> None:
    """A link or a copy may make a reference lead to a password that only another host was given."""
    wanted = server(SALES, {"smtp.password": "theirs"}, smtp__host=EVIL, smtp__port=465)

    assert changed_hosts(at_two_hosts(), wanted, values) == known


def test_an_entry_vouches_for_what_it_was_given_alone() -> None:
    """A new server gains nothing from an entry whose reference leads to another password now."""
    wanted = server(BILLING, {"smtp.password": "third"}, smtp__host=EVIL)
    values = {"smtp": "s3cret", "theirs": "s3cret", "third": "s3cret"}

    assert changed_hosts(at_two_hosts(), wanted, values) == {HOST}


def test_files_hold_a_secret_back_and_make_no_host_known() -> None:
    """Of servers that no state knows, only the other hosts count."""
    wanted = server(BILLING, {"smtp.password": "third"}, smtp__host=EVIL)
    elsewhere = [
        server(SUPPORT, {"smtp.password": "third"}),
        server(SALES, {"smtp.password": "third"}, smtp__host=EVIL),
    ]
    made = plan(desired(wanted), snapshot({}))

    found = confirmed_hosts(
        made, snapshot({}), elsewhere, values={}, key=KEY, identities=Identities({})
    )

    assert found == {(BILLING, "smtp.password"): {HOST}}


def test_a_shared_password_may_be_rotated_in_steps() -> None:
    """The reference that is proved by the first of its servers holds for the others."""
    record = secret_record("smtp", "old", SALES)
    before = snapshot({
        SUPPORT: entry(secrets={"smtp.password": secret_record("smtp", "new")}),
        SALES: entry(secrets={"smtp.password": record}, smtp__host="smtp2.example.test"),
    })  # fmt: skip
    wanted = server(SALES, {"smtp.password": "smtp"}, smtp__host="smtp2.example.test")

    assert "smtp2.example.test" in changed_hosts(before, wanted, {"smtp": "new"})


class JobProvider(dict[str, FakeProvider]):
    """Providers of a job that logs in with something itself."""

    def job_credentials(self) -> Mapping[str, SecretValue]:
        """Return one variable."""
        return {"GITHUB_TOKEN": SecretValue("ghs-token")}


@pytest.mark.parametrize(
    ("value", "named"),
    [
        ("ghs-token", ["has the same value as the variable GITHUB_TOKEN"]),
        ("ice-token", ["has the same value as `api.token`"]),
        ("token: ice-token", ["contains the value of `api.token`"]),
        ("x", []),
    ],
)
def test_no_credential_of_the_job_is_a_mail_password(value: str, named: list[str]) -> None:
    """By value, whatever reference leads to it."""
    wanted = desired(server(SUPPORT, {"smtp.password": "smtp"}))
    providers = JobProvider(fake=FakeProvider(values={"token": "ice-token"}))
    held = {ref("smtp").text: SecretValue(value)}

    found = list(credentials_sent(wanted, held, {"api.token": ref("token")}, providers))

    assert [f.rule for f in found] == ["ICE411"] * len(named)
    assert all(name in f.violation.message for f, name in zip(found, named, strict=True))
    assert not any(value in f.violation.message for f in found)
