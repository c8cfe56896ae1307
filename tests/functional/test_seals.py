"""
A state that somebody else than icesync wrote: named, not believed, and refused until allowed.

Whoever changes it can compute its digests anew, but has no fingerprint key (A1).
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from builders import KEY
from rig import Repository, assert_refused

from icesync.codec.fingerprint import FingerprintKey, LineSealing
from icesync.codec.journal import encode_head, encode_record
from icesync.codec.state import decode_state, encode_state
from icesync.model.desired import Address
from icesync.model.plan import Action
from icesync.model.report import OutcomeKind
from icesync.model.snapshot import CallEnded, Intent, JournalHead, Record, plan_call

if TYPE_CHECKING:
    from collections.abc import Callable

    from icesync.model.snapshot import Snapshot

SUPPORT, SALES = Address(59, 663), Address(59, 664)


@pytest.fixture
def applied(repository: Repository) -> Repository:
    """A repository of two servers that ICE confirmed."""
    repository.servers([663, 664])
    return repository.apply()


def edit(repository: Repository, change: Callable[[Snapshot], Snapshot]) -> None:
    """Change the state as a pull request may: with digests that fit, and without the key."""
    path = repository.root / "state.json"
    path.write_bytes(encode_state(change(decode_state(path.read_bytes())), "0.1.0"))


def other_host(snapshot: Snapshot) -> Snapshot:
    """Let the state say that the password went to another host all along."""
    entry = snapshot.entries[SUPPORT]
    settings = {**entry.settings, "smtp.host": "smtp.attacker.test"}
    edited = replace(entry, settings=settings, digest="")
    return replace(snapshot, entries={**snapshot.entries, SUPPORT: edited})


def without_entry(snapshot: Snapshot) -> Snapshot:
    """Let the state forget a server."""
    return replace(snapshot, entries={SALES: snapshot.entries[SALES]})


def without_seals(snapshot: Snapshot) -> Snapshot:
    """Let the state look as if there never had been a key."""
    return replace(other_host(snapshot), seals={})


EDITS = {
    "entry": (other_host, "59/663: its state entry was changed outside icesync"),
    "removed": (without_entry, "entries were removed or put back"),
    "stripped": (without_seals, "the state is not signed"),
}


def test_own_state_is_believed(applied: Repository) -> None:
    """Whatever icesync itself does to a state, it stays sealed."""
    applied.servers([663, 665])
    applied.apply()
    assert applied.run("state", "mv", "59/665", "59/700").code == 0
    assert applied.run("state", "rm", "59/700").code == 0

    assert applied.run("plan", "--json").code == 0
    applied.apply()


@pytest.mark.parametrize("kind", EDITS)
def test_edited_state_is_refused(applied: Repository, kind: str) -> None:
    """The plan names it, and nothing is sent; also where nothing would be."""
    change, sentence = EDITS[kind]
    edit(applied, change)
    planned = applied.run("plan")
    result = applied.run("apply", "-y")

    assert sentence in planned.stderr
    assert_refused(result, 9, sentence, hint="--allow state-edited")
    checked = applied.run("check")
    assert "the next apply is blocked" in checked.stderr
    assert checked.code == 2


@pytest.mark.parametrize("kind", EDITS)
def test_edited_state_may_be_allowed(applied: Repository, kind: str) -> None:
    """A person who looked may believe it; from then on it is icesync's own again."""
    edit(applied, EDITS[kind][0])
    first = applied.run("apply", "-y", "--allow", "state-edited", "--allow", "host-change")
    second = applied.run("apply", "-y")

    assert first.code == 0, first
    assert second.code == 0, second


def test_older_state_put_back_is_noticed(applied: Repository) -> None:
    """An entry of an older state is sealed, but the whole is not."""
    old = decode_state((applied.root / "state.json").read_bytes())
    applied.replace("servers/59.yaml", "port: 587", "port: 465")
    applied.apply("--allow", "host-change")

    def put_back(snapshot: Snapshot) -> Snapshot:
        name = str(SUPPORT)
        return replace(
            snapshot,
            entries={**snapshot.entries, SUPPORT: old.entries[SUPPORT]},
            seals={**snapshot.seals, name: old.seals[name]},
        )

    edit(applied, put_back)

    assert_refused(applied.run("apply", "-y"), 9, "removed or put back", hint="state-edited")


@pytest.mark.parametrize("command", [("state", "rm", "59/664"), ("state", "mv", "59/664", "59/9")])
def test_surgery_does_not_launder(applied: Repository, command: tuple[str, ...]) -> None:
    """What a command did not change stays as suspicious as it was."""
    edit(applied, other_host)
    assert applied.run(*command).code == 0

    assert_refused(applied.run("apply", "-y"), 9, "59/663: its state entry", hint="state-edited")


def test_part_is_sealed_as_a_whole(repository: Repository) -> None:
    """Of a state per organization each part is looked at; the refusal names whose it is."""
    own = '{per: organization, path: "{organization}"}'
    repository.replace("icesync.yaml", "{path: state.json}", own)
    repository.servers([663, 664])
    repository.apply()
    part = repository.root / "59"
    cut = without_entry(decode_state(part.read_bytes()))
    part.write_bytes(encode_state(cut, "0.1.0"))
    told = "the state of organization 59 was changed outside icesync: entries were removed"

    assert_refused(repository.run("apply", "-y"), 9, told, hint="--allow state-edited")
    assert repository.run("apply", "-y", "--allow", "state-edited").code == 0
    assert repository.run("apply", "-y").code == 0


def test_sealed_state_needs_its_key(applied: Repository) -> None:
    """Without it nobody can say who wrote the state, and no password is compared."""
    applied.replace("icesync.yaml", "fingerprints: {key: ref+file://key}\n", "")
    before = applied.read("state.json")
    told = "the state needs the fingerprint key "

    for command in (["apply", "-y"], ["check"], ["state", "rm", "59/664"]):
        assert_refused(applied.run(*command), 3, told, hint="set ICESYNC_FINGERPRINT_KEY")
    planned = applied.run("plan")
    assert planned.stdout.startswith("No changes in the settings, but not every password was")
    assert told in planned.stderr
    assert "no fingerprint key to verify" in planned.stderr
    assert "keygen" not in planned.stderr
    assert applied.read("state.json") == before


def test_a_key_that_cannot_be_had_is_demanded(applied: Repository) -> None:
    """Nor is a signed state stored without a signature where the key is configured and missing."""
    (applied.root / "key").unlink()

    assert_refused(applied.run("state", "rm", "59/664"), 3, "key", hint="do not make a new one")


def test_a_lost_key_can_be_done_without(applied: Repository) -> None:
    """The printed way sends every server again; then the state names no key."""
    applied.replace("icesync.yaml", "fingerprints: {key: ref+file://key}\n", "")
    way = ("--allow", "state-edited", "--resend", "all")

    assert f"icesync apply {' '.join(way)}" in applied.run("apply", "-y").stderr
    assert applied.run("apply", "-y", *way, "--allow", "safeguards").code == 0
    assert applied.run("check").code == 0


@pytest.mark.parametrize("arguments", [("plan",), ("apply", "-y"), ("plan", "--secrets", "skip")])
def test_seal_of_the_file_hides_no_edit(applied: Repository, arguments: tuple[str, ...]) -> None:
    """A plan goes by that seal alone; where it does not fit, or no key is there, digests count."""
    path = applied.root / "state.json"
    data = path.read_bytes()
    path.write_bytes(data.replace(b'"smtp.port": 587', b'"smtp.port": 588', 1))
    told = "the entry of 59/663 was edited or damaged: its digest does not match"

    assert b'"file": "' in data
    assert_refused(applied.run(*arguments), 8, told)


def test_converted_line_ends_change_nothing(applied: Repository) -> None:
    """Git may convert a committed state: the seal of the file is off, all others fit."""
    path = applied.root / "state.json"
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))

    assert applied.run("plan", "--detailed-exitcode").code == 0


EVIL = Address(999, 1)


def commit_journal(
    repository: Repository, address: Address, edits: dict[str, str | int], *, signed: bool = False
) -> None:
    """Leave the journal of a run that never was: it says that ICE confirmed *edits*."""
    path = repository.root / "state.json"
    data = path.read_bytes()
    state = decode_state(data)
    known, moment = state.entries[SUPPORT], "2026-01-01T00:00:00Z"
    secrets = {k: r._replace(fingerprint=None) for k, r in known.secrets.items()}
    call = plan_call(Record({**known.settings, **edits}, secrets), "sha256:1", moment)
    head = JournalHead(
        "run",
        state.lineage or "",
        state.serial,
        hashlib.sha256(data).hexdigest(),
        state.base_url,
        state.key_id,
        moment,
    )
    sealing = LineSealing(KEY if signed else FingerprintKey(bytes(32)), head.run)
    records = (Intent(address, Action.ADD, call), CallEnded(address, OutcomeKind.APPLIED, moment))
    lines = [encode_record(n, record, None, sealing) for n, record in enumerate(records, 1)]
    path.with_name("state.json.journal").write_bytes(b"".join([encode_head(head, sealing), *lines]))


FORGED = "the journal state.json.journal is not signed with the fingerprint key"
LEAK, LIE = (EVIL, {"smtp.host": "smtp.evil.test"}), (SUPPORT, {"smtp.port": 2525})


@pytest.mark.parametrize("call", [LEAK, LIE], ids=["leak", "lie"])
def test_journal_of_somebody_else_is_refused(
    applied: Repository, call: tuple[Address, dict[str, str | int]]
) -> None:
    """What it claims to have been confirmed is in no plan, and no command stores it."""
    before = applied.read("state.json")
    commit_journal(applied, *call)
    if call is LIE:
        applied.replace("servers/59.yaml", "port: 587", "port: 2525")
    planned, checked = applied.run("plan"), applied.run("check")
    listed, doctor = applied.run("state", "list"), applied.run("doctor")
    stored = [
        applied.run(*command)
        for command in (("state", "rm", "59/664"), ("state", "pull"), ("apply", "-y"))
    ]

    assert ("smtp.port  587 -> 2525" in planned.stdout, FORGED in planned.stderr) == (
        call is LIE,
        True,
    )
    assert (checked.code, FORGED in checked.stderr) == (2, True)
    assert (str(EVIL) in listed.stdout, FORGED in listed.stderr) == (False, True)
    assert FORGED in doctor.stdout
    for result in stored:
        assert_refused(result, 9, FORGED, hint="--allow state-edited")
    assert applied.read("state.json") == before


def test_journal_of_somebody_else_may_be_allowed(applied: Repository) -> None:
    """A person who looked may believe it, such as that of an older icesync; then it is saved."""
    commit_journal(applied, *LIE)
    applied.replace("servers/59.yaml", "port: 587", "port: 2525")
    result = applied.run("apply", "-y", "--allow", "state-edited", "--target", "59/663")

    assert (result.code, result.stdout[:11]) == (0, "No changes."), result
    assert applied.entries["59/663"]["settings"]["smtp.port"] == 2525
    assert not (applied.root / "state.json.journal").exists()


def test_own_journal_is_believed(applied: Repository) -> None:
    """What a run that died left is in the state with the next command, whichever it is."""
    commit_journal(applied, *LIE, signed=True)

    assert applied.run("check").code == 2
    assert applied.run("state", "pull").code == 0
    assert not (applied.root / "state.json.journal").exists()
