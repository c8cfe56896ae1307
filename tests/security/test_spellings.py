"""
Thousands of spellings of the same few secrets, at every place where one can stand.

Each is read as the program reads it: a spelling that parses and leads to a secret
which ICE was given at another host must trip the guard, and one that leads to a
credential of the job must be a finding. Nothing is sent: the plans are looked at.
"""

from __future__ import annotations

import os
from itertools import product
from typing import TYPE_CHECKING, Final
from unittest.mock import patch

import pytest
from attacker import CANARIES, SERVER, server
from rig import run_program

from icesync import open_project, plan
from icesync.engine.plan import PlanRequest
from icesync.errors import ConfigInvalid, SecretForbidden, SecretMissing
from icesync.model.secret import parse_secret_ref
from icesync.planner import policy

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from icesync.engine.plan import Planning
    from icesync.model.plan import Refusal

_CONFIG: Final = (
    "version: 1\napi: {base_url: emulator}\n"
    "fingerprints: {key: ref+env://ICESYNC_FINGERPRINT_KEY}\n"
    "limits: {adds: 100000}\nsecrets: {env_allow: ['*'], file_allow: ['**', '/**']}\n"
)

_KNOWN: Final = {
    "env": "ICE_59_663_SMTP",
    "file": "kept/imap",
    "key in a file": "kept/all.json#/imap",
}
"""What ICE was given already, by the scheme."""

_JOB: Final = ("ICESYNC_FINGERPRINT_KEY", "GITHUB_TOKEN", "CI_JOB_TOKEN", "TF_HTTP_PASSWORD")

_BEFORE: Final = (
    "", "./", "/", "//", "../repository/", "kept/../", "%2e/", "/proc/self/cwd/", "ROOT/",
    "link/../",
    "\u202e", "\uff0e/",
)  # fmt: skip
_BEHIND: Final = (
    "", "#", "?", "?#", "/", "//", "/.", "#/", "?a=b", "?version=1", "?&", "%20", "%00", "%23",
    "#//", "\u3002", "\u200b", "%0a", ";x", "&",
)  # fmt: skip


def _letters(path: str) -> Iterator[str]:
    """Yield *path* as it is, with each letter escaped, in another case, width, or composed."""
    yield path
    for at, letter in enumerate(path):
        yield f"{path[:at]}%{ord(letter):02x}{path[at + 1 :]}"
        yield f"{path[:at]}%25{ord(letter):02x}{path[at + 1 :]}"
        if letter.isalpha():
            yield path[:at] + letter.swapcase() + path[at + 1 :]
            yield path[:at] + chr(ord(letter) + 0xFEE0) + path[at + 1 :]
    yield path.replace("/", "//")
    yield path.replace("/", "/./")
    yield path.replace("/", "\\")
    yield path.replace("kept", "link")


def _spellings(path: str) -> list[str]:
    """Return many ways to write *path*."""
    simple = product(_BEFORE, [path], _BEHIND)
    inner = product(["", "./", "ROOT/"], _letters(path), ["", "#", "?", "/"])
    return list(dict.fromkeys(a + b + c for a, b, c in (*simple, *inner)))


def _all(root: Path, path: str, schemes: tuple[str, ...]) -> list[str]:
    texts = _spellings(path)
    return [
        f"ref+{scheme}://{text.replace('ROOT', str(root))}" for scheme in schemes for text in texts
    ]


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Path]:
    """A repository that was applied once, with every credential in the environment."""
    root = tmp_path / "repository"
    (root / "kept").mkdir(parents=True)
    (root / ".git").mkdir()
    (root / "servers").mkdir()
    (root / "icesync.yaml").write_text(_CONFIG)
    (root / "servers" / "59.yaml").write_text(
        SERVER.replace("ref+env://ICE_59_663_IMAP", "ref+file://kept/imap")
        + server(664, "ref+file://kept/all.json#/imap", host="smtp.example.org").partition(
            "servers:\n"
        )[2]
    )
    (root / "kept" / "imap").write_text("canary-imap-of-663")
    (root / "kept" / "all.json").write_text('{"imap": "canary-json-of-664"}')
    (root / "link").symlink_to("kept")
    with patch.dict(os.environ, CANARIES):
        result = run_program(["apply", "--auto-approve"], root)
        assert result.code == 0, result
        yield root


def _readable(root: Path, texts: list[str]) -> list[str]:
    """Return the references that parse and lead to a value: the rest takes nothing."""
    session = open_project(root)
    found = []
    for text in texts:
        reference = parse_secret_ref(text)
        if reference is None:
            continue
        try:
            session.fetch(reference)
        except (SecretMissing, SecretForbidden):
            continue
        found.append(text)
    return found


def _propose(root: Path, references: list[str], place: str) -> None:
    """Write one new server for each reference, at *place*, each on a host of its own."""
    for at, reference in enumerate(references):
        text = server(at + 1, reference, host=f"mx{at}.evil.example", organization=1000 + at)
        if place == "defaults":
            secret = f"password: '{reference}'"
            text = text.replace(f", {secret}", "").replace(
                "servers:\n", f"defaults: {{smtp: {{{secret}}}, imap: {{{secret}}}}}\nservers:\n"
            )
        (root / "servers" / f"{1000 + at}.yaml").write_text(text)


def _planned(root: Path) -> Planning:
    return plan(open_project(root), PlanRequest())


@pytest.mark.parametrize("place", ["server", "defaults"])
def test_no_spelling_of_a_known_password_goes_unseen(root: Path, place: str) -> None:
    """Whatever still leads to a password that ICE has is refused at the new host."""
    texts = [
        *_all(root, _KNOWN["env"], ("env",)),
        *_all(root, _KNOWN["file"], ("file", "env")),
        *_all(root, _KNOWN["key in a file"], ("file",)),
    ]
    readable = _readable(root, texts)
    _propose(root, readable, place)

    refused = {r.address for r in _planned(root).refusals if r.rule == "host-change"}

    assert len(texts) > 1000
    assert len(readable) >= 3
    assert {address.organization for address in refused if address} == {
        1000 + at for at in range(len(readable))
    }


@pytest.mark.parametrize("variable", _JOB)
def test_no_spelling_of_a_job_credential_is_a_password(root: Path, variable: str) -> None:
    """A credential of the job itself is a finding, by whatever reference it comes."""
    texts = _all(root, variable, ("env",))
    readable = _readable(root, texts)
    _propose(root, readable, "server")

    with pytest.raises(ConfigInvalid) as caught:
        _planned(root)

    told = {diagnostic.position.file for diagnostic in caught.value.diagnostics}
    assert len(texts) > 300
    assert readable
    assert {f"servers/{1000 + at}.yaml" for at in range(len(readable))} <= told


_PATTERNS: Final = ("*", "ICE_*", "?", "[A-Z]*", "*TOKEN", "GITHUB_*", "**", "[!x]*", "G*N", "%2a")


@pytest.mark.parametrize("pattern", _PATTERNS)
def test_key_of_the_configuration_opens_no_variable(root: Path, pattern: str) -> None:
    """The reference of the fingerprint key is a name; as a pattern it opens nothing."""
    config = _CONFIG.replace("env://ICESYNC_FINGERPRINT_KEY", f"env://{pattern}")
    (root / "icesync.yaml").write_text(config.replace("['*']", "['ICE_*']"))
    reference = parse_secret_ref("ref+env://GITHUB_TOKEN")
    assert reference is not None

    try:
        session = open_project(root)
    except ConfigInvalid:
        return
    with pytest.raises((SecretMissing, SecretForbidden)):
        session.fetch(reference)


def test_the_spellings_are_heard_without_the_guard(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The negative control: without the guard the same attempts pass."""
    readable = _readable(root, _all(root, _KNOWN["env"], ("env",)))
    _propose(root, readable, "server")
    monkeypatch.setattr(policy, "guards_of", lambda *_: ())

    refusals: tuple[Refusal, ...] = _planned(root).refusals

    assert [r for r in refusals if r.rule == "host-change"] == []
