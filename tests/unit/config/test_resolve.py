from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import pytest

from icesync.config.resolve import resolve
from icesync.config.yaml_document import SourceFile, parse_document
from icesync.model.desired import Address, RemovalAction

if TYPE_CHECKING:
    from icesync.diagnostics import Diagnostic
    from icesync.model.desired import DesiredState

WHOLE = (
    "{status: Enabled, active: true, incoming: pop3, ssl: false, tls: true, "
    "smtp: {host: s, port: 587, username: u, password: ref+env://ICE_S, mailbox: m, poll_rate: 1}, "
    "pop3: {host: p, port: 995, username: u, password: ref+env://ICE_P, mailbox: m, poll_rate: 1}}"
)


def _resolve(files: dict[str, str]) -> tuple[DesiredState, list[Diagnostic]]:
    documents = [parse_document(SourceFile(name, text.encode())) for name, text in files.items()]
    state, findings = resolve(documents)
    return state, list(findings)


def _servers(*lines: str, organization: int = 59, defaults: str = WHOLE) -> str:
    head = f"version: 1\norganization: {organization}\ndefaults: {defaults}\n"
    return head + "".join(f"{line}\n" for line in lines)


def _told(findings: list[Diagnostic]) -> list[str]:
    return [f"{d.position} {d.rule} {d.message}" for d in findings]


def test_server_has_its_settings_and_secrets() -> None:
    """A server is its typed settings, its references, its name and its address."""
    state, findings = _resolve({"a.yaml": _servers("servers: [{skill: 663, name: Support}]")})
    server = state.servers[Address(59, 663)]

    assert findings == []
    assert (server.address, server.name) == (Address(59, 663), "Support")
    assert server.settings["smtp.port"] == 587
    assert str(server.secrets["pop3.password"]) == "ref+env://ICE_P"


def test_text_that_looks_like_a_number_is_kept() -> None:
    """A user name `0012` is sent as it stands."""
    state, _ = _resolve({"a.yaml": _servers("servers: [{skill: 1, smtp: {username: 0012}}]")})

    assert state.servers[Address(59, 1)].settings["smtp.username"] == "0012"


LAYERS = {
    "_defaults.yaml": (
        "version: 1\ndefaults:\n"
        "  status: Enabled\n  active: true\n  ssl: false\n  tls: false\n  incoming: pop3\n"
        "  smtp: {host: root, port: 25, poll_rate: 1, mailbox: root}\n"
        "  pop3: {host: p, port: 995, username: u, password: ref+env://ICE_P, mailbox: m,"
        " poll_rate: 1}\n"
    ),
    "eu/_defaults.yml": "version: 1\ndefaults:\n  tls: true\n  smtp: {host: eu, port: 465}\n",
    "us/_defaults.yaml": "version: 1\ndefaults:\n  smtp: {host: us}\n",
    "eu/a/servers.yaml": (
        "version: 1\norganization: 59\n"
        "defaults:\n  smtp: {port: 587, password: ref+env://ICE_S}\n"
        "servers:\n"
        "  - skill: 1\n    smtp: {username: u, mailbox: own}\n"
        "  - skill: 2\n    tls: false\n    smtp: {username: v, password: ref+env://ICE_OWN}\n"
    ),
}


@pytest.mark.parametrize(
    ("skill", "key", "value", "place"),
    [
        (1, "status", "Enabled", "_defaults.yaml:3:11"),
        (1, "tls", True, "eu/_defaults.yml:3:8"),
        (1, "smtp.poll_rate", 1, "_defaults.yaml:8:43"),
        (1, "smtp.host", "eu", "eu/_defaults.yml:4:16"),
        (1, "smtp.port", 587, "eu/a/servers.yaml:4:16"),
        (1, "smtp.mailbox", "own", "eu/a/servers.yaml:7:34"),
        (1, "smtp.password", "ref+env://ICE_S", "eu/a/servers.yaml:4:31"),
        (2, "tls", False, "eu/a/servers.yaml:9:10"),
        (2, "smtp.mailbox", "root", "_defaults.yaml:8:55"),
        (2, "smtp.password", "ref+env://ICE_OWN", "eu/a/servers.yaml:10:35"),
        (2, "spoofing.address", None, "eu/a/servers.yaml:8:5"),
    ],
)
def test_layers_go_from_general_to_special(skill: int, key: str, value: object, place: str) -> None:
    """The root's defaults, the folder's, the file's, the server's: the last word counts."""
    state, findings = _resolve(LAYERS)
    server = state.servers[Address(59, skill)]
    effective = {**server.settings, **{k: str(v) for k, v in server.secrets.items()}}.get(key)

    assert findings == []
    assert (effective, str(server.origin.position(key))) == (value, place)


def test_defaults_do_not_leak_between_servers() -> None:
    """What one server says stays with it."""
    state, _ = _resolve({"a.yaml": _servers("servers: [{skill: 1, tls: false}, {skill: 2}]")})

    assert state.servers[Address(59, 2)].settings["tls"] is True


def test_two_files_of_defaults_in_a_folder_are_refused() -> None:
    """Neither of two defaults files may win in silence, and nothing else is blamed."""
    text = "version: 1\ndefaults: {tls: true}\n"
    _, [finding] = _resolve(
        {
            "eu/_defaults.yaml": text,
            "eu/_defaults.yml": text,
            "eu/a.yaml": _servers("servers: [{skill: 1}]", defaults="{}"),
        }
    )

    assert (finding.rule, str(finding.position)) == ("ICE106", "eu/_defaults.yml:1:1")
    assert finding.message.endswith("this one and eu/_defaults.yaml")


@pytest.mark.parametrize(
    ("text", "finding"),
    [
        ("version: 1\ndefaults: {tsl: true}", "_defaults.yaml:2:12 ICE105"),
        ("version: 1\ndefaults: {tls: true\n", "_defaults.yaml:2:11 ICE006"),
        ("version: 1", "_defaults.yaml:1:1 ICE107"),
        ("version: 2\ndefaults: {}", "_defaults.yaml:1:10 ICE011"),
        ("version: 1\ndefaults: {}\nservers: []", "_defaults.yaml:3:1 ICE105"),
        ("version: 1\ndefaults: {skill: 1}", "_defaults.yaml:2:12 ICE105"),
        ("version: 1\ndefaults: ", "_defaults.yaml:2:10 ICE010"),
    ],
    ids=["key", "syntax", "nothing", "version", "top key", "skill", "empty"],
)
def test_broken_defaults_are_the_only_finding(text: str, finding: str) -> None:
    """Servers below defaults that cannot be read are not said to miss what those might give."""
    _, findings = _resolve(
        {"_defaults.yaml": text, "a.yaml": _servers("servers: [{skill: 1}]", defaults="{}")}
    )

    assert [f"{d.position} {d.rule}" for d in findings] == [finding]


def test_removal_has_an_action_and_a_place() -> None:
    """An entry under `removed:` says how the server ends, and where that is written."""
    state, findings = _resolve(
        {
            "a.yaml": _servers(
                "removed:", "  - {skill: 7, action: disable}", "  - {skill: 8, action: forget}"
            )
        }
    )
    disable, forget = state.removals[Address(59, 7)], state.removals[Address(59, 8)]

    assert findings == []
    assert (disable.action, str(disable.position)) == (RemovalAction.DISABLE, "a.yaml:5:5")
    assert (forget.action, str(forget.position)) == (RemovalAction.FORGET, "a.yaml:6:5")


def test_server_defined_twice_is_told_with_both_places() -> None:
    """Two files that define one address are named both."""
    _, findings = _resolve(
        {
            "b.yaml": _servers("servers:", "  - skill: 1", "  - skill: 2"),
            "a.yaml": _servers("servers:", "  - skill: 2"),
        }
    )

    assert _told(findings) == ["b.yaml:6:5 ICE102 59/2 is defined twice, here and at a.yaml:5:5"]


def test_server_removed_twice_is_told_with_both_places() -> None:
    """Two ends of one server are as ambiguous as two beginnings."""
    _, findings = _resolve(
        {"a.yaml": _servers(*["removed:", *["  - {skill: 7, action: forget}"] * 2])}
    )

    assert _told(findings) == ["a.yaml:6:5 ICE102 59/7 is defined twice, here and at a.yaml:5:5"]


def test_server_present_and_removed_is_told_with_both_places() -> None:
    """A server cannot be there and end."""
    _, findings = _resolve(
        {
            "a.yaml": _servers("servers:", "  - skill: 7"),
            "b.yaml": _servers("removed:", "  - {skill: 7, action: forget}"),
        }
    )

    assert _told(findings) == [
        "b.yaml:5:5 ICE110 59/7 is listed under `removed:` and defined at a.yaml:5:5"
    ]


def test_same_skill_of_two_organizations_is_two_servers() -> None:
    """An address is the organization and the skill."""
    state, findings = _resolve(
        {
            "a.yaml": _servers("servers: [{skill: 1}]"),
            "b.yaml": _servers("servers: [{skill: 1}]", organization=60),
        }
    )

    assert findings == []
    assert sorted(state.servers) == [Address(59, 1), Address(60, 1)]


def test_missing_settings_are_told_after_defaults() -> None:
    """What neither the server nor any default gives is named, those of a block in one finding."""
    most = WHOLE.replace("port: 995, ", "").replace("tls: true, ", "")
    _, findings = _resolve({"a.yaml": _servers("servers:", "  - skill: 1", defaults=most)})

    assert _told(findings) == [
        "a.yaml:5:5 ICE107 59/1: `tls` is required",
        "a.yaml:5:5 ICE202 59/1: `pop3.port` is required",
    ]


def test_block_that_is_not_in_use_may_be_partial() -> None:
    """With `incoming: pop3`, a partial imap block is no error."""
    _, findings = _resolve({"a.yaml": _servers("servers: [{skill: 1, imap: {host: h}}]")})

    assert findings == []


def test_missing_setting_hides_no_other_finding() -> None:
    """A server that misses a value is still compared with the others."""
    partial = WHOLE.replace("tls: true, ", "")
    _, findings = _resolve(
        {
            "a.yaml": _servers("servers: [{skill: 1}]", defaults=partial),
            "b.yaml": _servers("servers: [{skill: 1}]", "removed: [{skill: 1, action: forget}]"),
        }
    )

    assert [d.rule for d in findings] == ["ICE107", "ICE102", "ICE110"]


def test_all_findings_of_all_files_are_told_in_order() -> None:
    """One broken file hides nothing of the others; findings are sorted by place."""
    _, findings = _resolve(
        {
            "d.yaml": _servers("servers: [{skill: 1}]"),
            "c.yaml": "a: [\n",
            "b.yaml": _servers("servers: [{skill: 0, tsl: true}, {skill: x}]"),
            "a.yaml": _servers("servers: [{skill: 1}]"),
            "e.yaml": "version: 1\norganization: 5\norganization: 6",
        }
    )

    assert [f"{d.position} {d.rule}" for d in findings] == [
        "b.yaml:4:19 ICE101",
        "b.yaml:4:22 ICE105",
        "b.yaml:4:42 ICE101",
        "c.yaml:1:4 ICE006",
        "d.yaml:4:11 ICE102",
        "e.yaml:3:1 ICE106",
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("version: 2\norganization: 59", ["1:10 ICE011"]),
        ("version: '1'\norganization: 59", ["1:10 ICE011"]),
        ("version: 1.0\norganization: 59", ["1:10 ICE011"]),
        ("version: 01\norganization: 59", ["1:10 ICE011"]),
        ("organization: 59", ["1:1 ICE107"]),
        ("version: 1", ["1:1 ICE101"]),
        ("version: 1\norganization: 0", ["2:15 ICE101"]),
        ("version: 1\norganization: '59'", ["2:15 ICE013"]),
        ("version: 1\norganization: 2147483648", ["2:15 ICE104"]),
        ("version: 1\norganization: 59\nserver: []", ["3:1 ICE105"]),
        ("version: 1\norganization: 59\nservers: {}", ["3:10 ICE010"]),
        ("version: 1\norganization: 59\nservers:", ["3:9 ICE010"]),
        ("version: 1\norganization: 59\nservers: [663]", ["3:11 ICE010"]),
        ("version: 1\norganization: 59\nservers: [{}]", ["3:11 ICE101"]),
        ("version: 1\norganization: 59\nservers: [{skill: 1, smtp: 5}]", ["3:28 ICE010"]),
        ("version: 1\norganization: 59\nservers: [{skill: 1, name: [a]}]", ["3:28 ICE010"]),
        ("version: 1\norganization: 59\nremoved: 5", ["3:10 ICE010"]),
        ("version: 1\norganization: 59\nremoved: [5]", ["3:11 ICE010"]),
        ("version: 1\norganization: 59\nremoved: [{skill: 5}]", ["3:11 ICE107"]),
        (
            "version: 1\norganization: 59\nremoved: [{skill: 0, action: delete}]",
            ["3:19 ICE101", "3:30 ICE208"],
        ),
        (
            "version: 1\norganization: 59\nremoved: [{skill: 1, action: [forget]}]",
            ["3:30 ICE010"],
        ),
        ("[1]", ["1:1 ICE010"]),
        ("text", ["1:1 ICE010"]),
    ],
)
def test_odd_file_is_explained(text: str, expected: list[str]) -> None:
    """What does not fit the format has rule and place, found by jsonschema."""
    _, findings = _resolve({"a.yaml": text})

    assert [f"{d.position} {d.rule}".removeprefix("a.yaml:") for d in findings] == expected


def test_file_may_hold_no_server() -> None:
    """A file with an organization alone asks for nothing."""
    state, findings = _resolve({"a.yaml": "version: 1\norganization: 59"})

    assert (dict(state.servers), dict(state.removals), findings) == ({}, {}, [])


def test_order_of_files_is_irrelevant() -> None:
    """Findings name the same first and second place in whatever order files are given."""
    files = {
        name: _servers("servers: [{skill: 1}]", "removed: [{skill: 1, action: forget}]")
        for name in ("a.yaml", "b.yaml", "c.yaml")
    }
    told = {
        tuple(_told(_resolve(dict(order))[1])) for order in itertools.permutations(files.items())
    }

    assert len(told) == 1


def test_disagreement_with_the_schema_is_still_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the quick verdict refuses never passes, even if jsonschema found nothing."""
    monkeypatch.setattr("icesync.config.schema.check_schema", lambda _document, _name: ())
    _, findings = _resolve({"a.yaml": "version: 3"})

    assert _told(findings) == ["a.yaml:1:1 ICE013 the file has errors"]


def test_what_does_not_fit_hides_nothing_else() -> None:
    """Of a file with a fault, whole servers are asked for missing values, the others are kept."""
    state, findings = _resolve(
        {
            "a.yaml": _servers(
                "servers:",
                "  - {skill: 1, smtp: {prot: 1}}",
                "  - {skill: 0}",
                "  - {skill: 2, incoming: imap}",
                "  - {skill: 3}",
                "  - 4",
            )
        }
    )

    assert {a.skill: s.whole for a, s in state.servers.items()} == {1: False, 2: True, 3: True}
    assert [line.split()[1] for line in _told(findings)] == [
        *("ICE105", "ICE101"),
        "ICE201",
        "ICE010",
    ]


@pytest.mark.parametrize(
    ("head", "tail"),
    [
        ("version: 2\norganization: 59\n", "servers: [{skill: 1}]"),
        ("version: 1\norganization: x\n", "servers: [{skill: 1}]"),
        ("version: 1\norganization: 59\n", "servers: {skill: 1}"),
    ],
    ids=["another format", "nobody's", "invalid list"],
)
def test_what_cannot_be_placed_is_not_looked_at(head: str, tail: str) -> None:
    """Without format, organization and list there is no server to find fault with."""
    state, findings = _resolve({"a.yaml": head + tail})

    assert (dict(state.servers), len(findings)) == ({}, 1)


def test_faults_in_defaults_ask_for_nothing_more() -> None:
    """A value that was refused is not missing; the servers below are not whole."""
    broken = WHOLE.replace("port: 995", "port: x")
    state, findings = _resolve({"a.yaml": _servers("servers: [{skill: 1}]", defaults=broken)})

    assert [line.split()[1] for line in _told(findings)] == ["ICE301"]
    assert not state.servers[Address(59, 1)].whole


def test_places_of_a_file_that_was_let_go_are_found_by_reading_it_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """However many findings there are, the time is that of the file, not of its square."""
    from icesync.config.yaml_tree import Tree

    text = b"servers: [" + b", ".join(b"{skill: %d}" % n for n in range(50)) + b"]\n"
    document = parse_document(SourceFile("servers/places.yaml", text))
    document.let_go()
    read: list[Tree] = []
    monkeypatch.setattr(Tree, "data", lambda tree, data=Tree.data: read.append(tree) or data(tree))

    assert [document.data["servers"][n]["skill"] for n in range(50)] == [str(n) for n in range(50)]
    assert len(read) <= 1
