"""One slip, one error: what is wrong once is reported once, with the way out."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from icesync.config.resolve import resolve
from icesync.config.yaml_document import SourceFile, parse_document
from icesync.model.fields import FIELDS, Role

if TYPE_CHECKING:
    from collections.abc import Callable

    from icesync.diagnostics import Diagnostic

SETTINGS = "host: h.example.org, port: 993, username: u, mailbox: m, poll_rate: 9"
BLOCK = f"{{{SETTINGS}, password: ref+env://ICE_A}}"
DEFAULTS = f"""\
  status: Enabled
  active: true
  incoming: imap
  ssl: true
  tls: false
  smtp: {BLOCK}
  imap: {BLOCK}
"""


def _findings(text: str) -> list[Diagnostic]:
    _, found = resolve([parse_document(SourceFile("a.yaml", text.encode()))])
    return list(found)


def _file(servers: str, key: str = "defaults") -> str:
    return f"version: 1\norganization: 59\n{key}:\n{DEFAULTS}servers:\n{servers}"


FIFTY = "".join(f"  - {{skill: {n}}}\n" for n in range(1, 51))


@pytest.mark.parametrize(
    ("text", "place", "message", "hint"),
    [
        pytest.param(
            _file(FIFTY, "default"), "3:1", "unknown key `default`",
            "did you mean `defaults`?", id="defaults misspelled",
        ),
        pytest.param(
            _file(FIFTY).replace("organization", "organisation"), "2:1",
            "unknown key `organisation`", "did you mean `organization`?", id="British",
        ),
        pytest.param(
            _file(FIFTY).replace("organization", "org"), "2:1", "unknown key `org`",
            "did you mean `organization`?", id="short",
        ),
        pytest.param(
            _file(FIFTY).replace("version:", "verison:"), "1:1", "unknown key `verison`",
            "did you mean `version`?", id="version misspelled",
        ),
        pytest.param(
            _file(FIFTY).replace("version: 1", 'version: "1"'), "1:10",
            "`version` is not a supported version",
            "use 1, or a newer icesync", id="version quoted",
        ),
        pytest.param(
            _file("  - {skil: 1}\n"), "12:6", "unknown key `servers[0].skil`",
            "did you mean `skill`?", id="skill misspelled",
        ),
        pytest.param(
            _file("  - {SkillId: 1}\n"), "12:6", "unknown key `servers[0].SkillId`",
            "use `skill:`", id="ICE's skill",
        ),
        pytest.param(
            _file("").replace("servers:", "removed:\n  - {skill: 1, acton: forget}"),
            "12:16", "unknown key `removed[0].acton`", "did you mean `action`?", id="action",
        ),
        pytest.param(
            _file(FIFTY).replace("incoming: imap", "incoming: pop3"), "12:5",
            "59/1 and 49 more: `pop3` is missing: host, port, username, password, "
            "mailbox, poll_rate",
            "add `pop3:`, here or under `defaults:`, or use `incoming: imap`", id="no block",
        ),
        pytest.param(
            _file(FIFTY).replace("  status: Enabled\n", ""), "11:5",
            "59/1 and 49 more: `status` is required",
            "add `status` here or under `defaults:`; omitted settings would be sent as empty",
            id="no status",
        ),
        pytest.param(
            _file(FIFTY).replace("  status: Enabled\n", "").replace("  active: true\n", ""), "10:5",
            "59/1 and 49 more: `status` and `active` are required",
            "add them here or under `defaults:`; omitted settings would be sent as empty",
            id="no status, no tls",
        ),
    ],
)  # fmt: skip
def test_slip_is_reported_once(text: str, place: str, message: str, hint: str) -> None:
    """However many servers it touches, and never as what is missing, too."""
    [finding] = _findings(text)

    assert f"{finding.position.line}:{finding.position.column}" == place
    assert (finding.message, finding.hint) == (message, hint)


NAMES = {name: row.leaf for row in FIELDS if row.role is not Role.LABEL for name in row.wire}


@pytest.mark.parametrize("name", NAMES)
def test_name_of_ice_is_answered_with_ours(name: str) -> None:
    """Who copies a key from the vendor's page reads what it is called here."""
    found = _findings(_file(f"  - {{skill: 1, {name}: x}}\n"))

    [hint] = [finding.hint or "" for finding in found if finding.rule == "ICE105"]

    assert f"`{NAMES[name]}" in hint


@pytest.mark.parametrize("name", ["SMTPPort", "smtp_port", "smtpPort"])
def test_name_of_ice_inside_its_block(name: str) -> None:
    """In its block the hint is the key alone."""
    [finding] = _findings(_file(f"  - {{skill: 1, smtp: {{{name}: 25}}}}\n"))

    assert finding.hint == "use `port:`"


@pytest.mark.parametrize(
    ("text", "count"),
    [
        (lambda n: "".join(f"k{number}: 1\n" for number in range(n)), 2_000),
        (lambda n: f"servers: [{'x, ' * n}x]\n", 50),
        (lambda n: "servers:\n" + "  - {skill: 1, key: x}\n" * n, 20),
    ],
    ids=["keys", "values in brackets", "servers in braces"],
)
def test_many_faults_are_refused_soon(text: Callable[[int], str], count: int) -> None:
    """Another format's file costs steps by its size, and no page of findings."""

    def steps(count: int) -> int:
        calls = 0

        def count_calls(_: object, event: str, __: object) -> None:
            nonlocal calls
            calls += event == "call"

        sys.setprofile(count_calls)
        try:
            _findings(f"version: 1\norganization: 5\n{text(count)}")
        finally:
            sys.setprofile(None)
        return calls

    assert steps(10 * count) < 12 * steps(count)


def test_a_page_of_findings_is_cut() -> None:
    """Of the keys of another format's file only the first are told."""
    assert len(_findings("".join(f"k{number}: 1\n" for number in range(100)))) == 23
