from __future__ import annotations

from dataclasses import replace

import pytest
from builders import BASE_URL, KEY, SALES, SUPPORT, entry, secret_record, snapshot, stored_bytes
from fakes import FakeProvider, FakeStore

from icesync.codec.fingerprint import encode_key, fits
from icesync.codec.state import decode_state, encode_state
from icesync.engine.secret_resolution import open_key
from icesync.engine.state_operations import rekey
from icesync.errors import ConfigInvalid, SecretMissing
from icesync.model.project import Api, Project
from icesync.model.secret import SecretRef, SecretValue, parse_secret_ref
from icesync.model.snapshot import SentSecret

OLD, NEW = encode_key(bytes(range(32))), encode_key(bytes(range(1, 33)))


def ref(text: str) -> SecretRef:
    """Return the reference of a name."""
    found = parse_secret_ref(f"ref+fake://{text}")
    assert found is not None
    return found


PROJECT = Project("/r", "icesync.yaml", api=Api(base_url=BASE_URL), fingerprint_key=ref("old"))


def store() -> FakeStore:
    """Return two servers, three secrets; one was moved, one never had a fingerprint."""
    return FakeStore(
        stored_bytes(
            {
                SUPPORT: entry(
                    secrets={
                        "smtp.password": secret_record("smtp", "canary-1"),
                        "imap.password": secret_record("imap"),
                    }
                ),
                SALES: replace(
                    entry(secrets={"smtp.password": secret_record("smtp", "canary-1")}),
                    bound_to=SUPPORT,
                ),
            },
            key_id=KEY.id,
        )
    )


def providers(**values: str) -> dict[str, FakeProvider]:
    """Return what leads to both keys and to the secret, unless *values* say otherwise."""
    return {"fake": FakeProvider(values={"old": OLD, "new": NEW, "smtp": "canary-1", **values})}


def test_every_fingerprint_is_of_the_new_key() -> None:
    """Bound to the address that it was made for, with a salt of its own; nothing else changes."""
    kept = store()

    count = rekey(PROJECT, kept, providers(), ref("new"), "0.1.0")

    after = decode_state(kept.data or b"")
    new = open_key(ref("new"), providers(), snapshot())
    records = [after.entries[a].secrets["smtp.password"] for a in (SUPPORT, SALES)]
    assert count == 2
    assert after.key_id == new.id
    for record in records:
        assert record.fingerprint is not None
        assert fits(new, record.fingerprint, SUPPORT, "smtp.password", SecretValue("canary-1"))
    assert records[0] != records[1]
    assert after.entries[SUPPORT].secrets["imap.password"] == secret_record("imap")


def test_a_dry_run_counts_only() -> None:
    """Everything is checked, nothing is stored."""
    kept = store()

    assert rekey(PROJECT, kept, providers(), ref("new"), "0.1.0", dry_run=True) == 2
    assert kept.writes == []


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"smtp": "canary-2"}, "59/663 smtp.password \\(rotated since\\)"),
        ({"smtp": ""}, "59/663 smtp.password \\(`ref.fake://smtp` is empty\\)"),
    ],
)
def test_a_rotation_must_not_get_lost(values: dict[str, str], told: str) -> None:
    """A fingerprint of the value of now would claim that ICE has it."""
    kept = store()

    with pytest.raises(ConfigInvalid, match=told) as caught:
        rekey(PROJECT, kept, providers(**values), ref("new"), "0.1.0")

    assert "canary" not in caught.value.message
    assert kept.writes == []


def test_both_keys_must_be_there() -> None:
    """Without an old key there is nothing to replace, without a new one nothing to replace it."""
    with pytest.raises(ConfigInvalid, match="so there is nothing to replace"):
        rekey(replace(PROJECT, fingerprint_key=None), store(), providers(), ref("new"), "0.1.0")
    with pytest.raises(SecretMissing, match="the fingerprint key"):
        rekey(PROJECT, store(), providers(), ref("nowhere"), "0.1.0")
    with pytest.raises(ConfigInvalid, match="wrong fingerprint key"):
        rekey(PROJECT, store(), providers(old=NEW), ref("new"), "0.1.0")


def test_many_problems_are_counted() -> None:
    """The first five stand for all."""
    kept = FakeStore(
        stored_bytes(
            {
                SUPPORT._replace(skill=number): entry(
                    secrets={"smtp.password": secret_record("smtp", "canary-0")}
                )
                for number in range(1, 8)
            },
            key_id=KEY.id,
        )
    )

    with pytest.raises(ConfigInvalid, match=r"and 2 more$"):
        rekey(PROJECT, kept, providers(), ref("new"), "0.1.0")


def test_memory_of_hosts_is_of_the_new_key() -> None:
    """What cannot be made anew keeps its reference and its host, without a fingerprint."""
    there = SentSecret(SUPPORT, "smtp.password", "one.test", secret_record("smtp", "canary-1"))
    gone = SentSecret(SUPPORT, "smtp.password", "two.test", secret_record("gone", "canary-2"))
    before = replace(snapshot(key_id=KEY.id), memory=(there, gone))
    kept = FakeStore(encode_state(before, "0.1.0"))

    rekey(PROJECT, kept, providers(), ref("new"), "0.1.0")

    known, lost = sorted(decode_state(kept.data or b"").memory, key=lambda sent: sent.host)
    new = open_key(ref("new"), providers(), snapshot())
    assert known.secret.fingerprint is not None
    assert fits(new, known.secret.fingerprint, *known[:2], SecretValue("canary-1"))
    assert lost == gone._replace(secret=gone.secret._replace(fingerprint=None))
