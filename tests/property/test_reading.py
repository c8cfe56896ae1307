"""Reading configuration: two readings, two verdicts, one answer; and no secret in any of them."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from hypothesis import assume, event, example, given
from hypothesis import strategies as st

from icesync.config.project import UnfitOption, read_options
from icesync.config.resolve import resolve
from icesync.config.rules import lint
from icesync.config.schema import check_schema
from icesync.config.severity import SeverityPolicy, locate
from icesync.config.yaml_document import (
    Document,
    SourceFile,
    UnusualError,
    _count,
    _read_lines,
    check_text,
    parse_document,
)
from icesync.config.yaml_events import read_events
from icesync.config.yaml_tree import read_tree
from icesync.diagnostics import Diagnostic
from icesync.model.fields import FIELDS, Field, Kind, Role

if TYPE_CHECKING:
    from collections.abc import Iterator

    from icesync.model.desired import DesiredState

# --- texts and documents ----------------------------------------------------------------------

TEXTS = st.one_of(
    st.text(st.characters(categories=["L", "N", "P", "S"], include_characters=" "), max_size=12),
    st.sampled_from(
        ["", "~", "null", "on", "0012", "22:30", "a: b", "a #b", "- a", "'", '"', "*a"]
    ),
)

DATA = st.recursive(
    TEXTS,
    lambda below: st.lists(below, max_size=4) | st.dictionaries(TEXTS, below, max_size=4),
    max_leaves=12,
)

DUMPED = st.builds(
    yaml.safe_dump,
    DATA,
    default_flow_style=st.sampled_from([None, True, False]),
    default_style=st.sampled_from([None, "'", '"', "|", ">"]),
    allow_unicode=st.booleans(),
    explicit_start=st.booleans(),
    width=st.sampled_from([8, 80]),
)

_PIECES = (
    "a", "b", ": ", ":", "- ", "[", "]", "{", "}", ", ", "\n", "\n  ", "\n    ", "&x ", "*x",
    "!t ", "'", '"', " #", "? ", "| ", "> ", "<<", "---\n", "...\n", "\t", "\\n", "%", "é",
)  # fmt: skip

NOISE = st.lists(st.sampled_from(_PIECES), max_size=14).map("".join)


def _source(text: str | bytes, file: str = "a.yaml") -> SourceFile:
    return SourceFile(file, text if isinstance(text, bytes) else text.encode())


def _exact(node: Any) -> Any:
    """Return *node* so that equality sees types: a quoted text is not a plain one."""
    if isinstance(node, dict):
        return [(_exact(key), _exact(value)) for key, value in node.items()]
    if isinstance(node, list):
        return [_exact(value) for value in node]
    return type(node).__name__, str(node)


@given(DUMPED | NOISE)
def test_both_readings_give_the_same_data(text: str) -> None:
    """What the quick reading accepts, the tree holds alike and without a problem."""
    source = _source(text)
    assume(not check_text(source))
    try:
        quick = read_events(source.data)
    except UnusualError:
        event("unusual")
        return
    except yaml.YAMLError:
        event("broken")
        assert read_tree(source).problems
        return
    event("quick")
    tree = read_tree(source)

    assert tree.problems == ()
    assert _exact(tree.data()) == _exact(quick)


_SCALARS = (
    "", "", "x", "1", "~", "a b", "a:b", "a :b", "a#c", "ref+file://p#/k", "'q'", "''", '"q"', "é",
    "{}", "[ ]", "{a: b}", "[a]",
    '{a: ref+env://X, b: "q, [" }', "[a b , 'c', 30%,]", "{skill: 1, b: 2}",
)  # fmt: skip
_ODD_SCALARS = (
    "a: b", "a:", "a #c", "'a''b'", '"a\\n"', "a\u00a0b", "|", "-1", "&a", "*a",
    "a\t", "---", "{a: b}: c", "{a: 1, a: 2}", "{a, b: c}", "[a: b]", "[a #]", "[a, , b]", "{a:b}",
    "[[a]]", "{a: b} c", "[a?b]", "[a:]", "{a: }", "['a'b]", "[a::b]", "{a: b}#c", "[-1]", "[,]",
)  # fmt: skip

_TAILS = ("", "", " ", " # c", "  # c")
_ODD_TAILS = ("", "#c", " #", "\t# c", "\r", " # c\r", " # c\rz: 1", " # c\r  z: 1")


@st.composite
def blocks(draw: st.DrawFn) -> str:
    """Return a text in block style: mostly well indented, with scalars of all kinds."""
    lines, column = [], 0
    for number in range(draw(st.integers(1, 8))):
        column = draw(st.sampled_from([*[column] * 9, max(column - 2, 0), 1]))
        dash = draw(st.sampled_from(["", "", "", "", "- "]))
        odd = draw(st.integers(0, 9)) == 9
        scalar = draw(st.sampled_from(_ODD_SCALARS if odd else _SCALARS))
        tail = draw(st.sampled_from(_ODD_TAILS if odd else _TAILS))
        name = "skill" if number == 3 else f"k{number % 7}"
        key = "" if dash and draw(st.booleans()) else f"{name}: "
        lines.append(f"{' ' * column}{dash}{key}{scalar}{tail}")
        column += (len(dash) + 2 * (not scalar)) * bool(key)
    return "\n".join(lines)


@given(blocks())
@example("k0: x # c\rz: 1")
def test_a_reading_by_lines_gives_the_data_of_events(text: str) -> None:
    """What is read line by line is what libyaml's events say, and at the same places."""
    source = _source(text)
    assume(not check_text(source))
    try:
        by_lines = _read_lines(source.data)
    except UnusualError:
        event("unusual")
        return

    assert _exact(by_lines) == _exact(read_events(source.data))
    assert _count(by_lines) == sum(isinstance(e, yaml.NodeEvent) for e in yaml.parse(text))

    document, tree = parse_document(source), read_tree(source)
    for path in _paths(by_lines):
        assert document.position(path)[1:] == tree.position(path)
        assert document.key_position(path)[1:] == tree.position(path, key=True)
        assert document.server_position(path)[1:] == tree.block_position(path, "skill")
        if path and isinstance(path[-1], str):
            assert document.find(path[:-1], path[-1]) == document.position(path)
        assert document.position((*path, "nowhere", 0))[1:] == tree.position((*path, "nowhere", 0))


def _paths(node: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path of each value in *node*."""
    yield path
    below = node.items() if isinstance(node, dict) else enumerate(node)
    for part, value in () if isinstance(node, str) else below:
        yield from _paths(value, (*path, part))


def _node_places(node: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield path and place of each value and key that PyYAML's own composer knows."""
    mark = node.start_mark
    yield path, False, (mark.line + 1, mark.column + 1)
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            below = (*path, key.value)
            yield below, True, (key.start_mark.line + 1, key.start_mark.column + 1)
            yield from _node_places(value, below)
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            yield from _node_places(value, (*path, index))


@given(DUMPED | NOISE)
def test_places_are_those_of_the_parser(text: str) -> None:
    """Where a document says that a key or a value stands, PyYAML's composer found it."""
    text += "\n"  # at the end of a text without one, libyaml counts one line more
    document = parse_document(_source(text))
    assume(not document.problems and "*" not in text)
    for path, is_key, place in _node_places(yaml.compose(text, yaml.CBaseLoader)):
        found = document.key_position(path) if is_key else document.position(path)

        assert found[1:] == place


@given(DUMPED | NOISE)
def test_ordinary_documents_read_as_everywhere(text: str) -> None:
    """A document that passes is the same strings to PyYAML's loader of strings."""
    document = parse_document(_source(text))
    assume(not document.problems)

    assert document.data == yaml.load(text, yaml.CBaseLoader)  # noqa: S506 - strings only


@given(
    st.binary(max_size=200)
    | NOISE.map(str.encode)
    | st.builds(lambda text, tail: text.encode() + tail, NOISE, st.binary(max_size=8))
)
def test_no_bytes_break_the_reading(data: bytes) -> None:
    """Whatever the bytes, there is a document or there are problems, each with its place."""
    document = parse_document(_source(data))

    assert (document.data is None) is bool(document.problems)
    assert all(min(d.position[1:]) >= 1 and d.message.isprintable() for d in document.problems)


# --- two verdicts -----------------------------------------------------------------------------

_ODD = (
    "", "~", "null", "on", "yes", "True", "true", "false", "0", "1", "2", "-1", "-0", "587",
    "587.0", "1.0", "1e3", ".5", "5.", "0.5", "012", "0o12", "0x1F", "22:30", "1_000", "65536",
    "2147483648", "9" * 18, "9" * 19, "9" * 25, "\u0663", "'587'", '"true"', "'1'", "''", "' '",
    "Enabled", "enabled", "pop3", "IMAP", "disable", "text", "hunter2", "'~'", "[]", "{}",
    "[1]", "[1.0]", "['']", "[~]", "{a: 1}", "[[1]]", "ref+env://ICE_A", "ref+env:A",
    "ref+a://b#c", "'ref+env://A B'", "30%", "[30%, 10]", "[-0]", "[10%, x]", "1000%", "600.5",
    "1234567890", "tls-off", "[tls-off]", "local", "both", "emulator", "https://a",
    "http://a?b", "ftp://a", "0.05",
)  # fmt: skip

ODD = st.sampled_from(_ODD)
"""Fragments of YAML that some field takes and most do not."""

KEYS = st.sampled_from(
    (
        *sorted({part for field in FIELDS for part in field.key.split(".")}),
        *(
            "version",
            "servers",
            "removed",
            "moved",
            "from",
            "defaults",
            "action",
            "api",
            "token",
            "prot",
            "Host",
        ),
    )
)

_FITTING = {
    Kind.TEXT: ["text", "0012", "on", "'a b'", '"~"'],
    Kind.ID: ["1", "663", "2147483647"],
    Kind.PORT: ["25", "65535"],
    Kind.POLL_RATE: ["1", "10"],
    Kind.VERSION: ["1", "2"],
    Kind.FLAG: ["true", "false"],
    Kind.STATUS: ["Enabled", "'Disabled'"],
    Kind.INCOMING: ["pop3", '"imap"'],
    Kind.MODE: ["starttls", '"implicit"'],
    Kind.LOGIN: ["none", "password"],
    Kind.SECRET: ["ref+env://ICE_A", "'ref+file://a/b?c#/d'"],
    Kind.PRESET: ["gmail", "'gmx/net'"],
}


@st.composite
def _settings(draw: st.DrawFn, *, server: bool) -> dict[str, Any]:
    """Draw a mapping of settings; its leaves are fragments of YAML."""

    def wanted(field: Field) -> bool:
        local = field.role in {Role.ADDRESS, Role.LABEL}
        return field.key != "organization" and (server or not local)

    node: dict[str, Any] = {}
    for field in draw(st.lists(st.sampled_from([f for f in FIELDS if wanted(f)]), max_size=8)):
        below = node.setdefault(field.block, {}) if field.block else node
        below[field.leaf] = draw(st.sampled_from(_FITTING[field.kind]))
    if server:
        node["skill"] = draw(st.sampled_from(["1", "2", "3"]))
    return node


def _optional(**parts: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional=parts)


_REMOVED = st.fixed_dictionaries(
    {"skill": st.sampled_from(["8", "9"]), "action": st.sampled_from(["disable", "'forget'"])}
)

_MOVED = st.fixed_dictionaries(
    {
        "skill": st.sampled_from(["1", "7"]),
        "from": st.sampled_from(["59/6", "'60/1'", "59/9999999999"]),
    }
)

SERVER_FILES = st.builds(
    lambda head, rest: {**head, **rest},
    st.fixed_dictionaries({"version": st.just("1"), "organization": st.just("59")}),
    _optional(
        defaults=_settings(server=False),
        servers=st.lists(_settings(server=True), max_size=3),
        removed=st.lists(_REMOVED, max_size=2),
        moved=st.lists(_MOVED, max_size=2),
    ),
)

DEFAULTS_FILES = st.fixed_dictionaries(
    {"version": st.just("1"), "defaults": _settings(server=False)}
)

_REFERENCE = st.sampled_from(_FITTING[Kind.SECRET])
_LIMIT = st.sampled_from(["5", "0", "30%", "'7'", "[5, 30%]", "['5%']"])

PROJECT_FILES = st.builds(
    lambda rest: {"version": "1", **rest},
    _optional(
        api=_optional(
            base_url=st.sampled_from(["emulator", "https://www.enterice.com/ICEAPI", "http://a"]),
            token=_REFERENCE,
            login=st.fixed_dictionaries(
                {"organization": st.just("59"), "username": st.just("0012"), "password": _REFERENCE}
            ),
            timeout_s=st.sampled_from(["30", "0.1", "2.50", "600"]),
            rate_per_s=st.sampled_from(["10", "0.01", "100000"]),
            concurrency=st.sampled_from(["1", "64"]),
            proxy=st.just("http://proxy:1"),
            ca_file=st.just("ca.pem"),
            wire=_optional(
                org_key=st.sampled_from(["both", "OrgId", "'OrganizationId'"]),
                absent=st.sampled_from(["empty", "null_", "omit"]),
            ),
        ),
        files=st.lists(st.sampled_from(["a.yaml", "'**/*.yaml'"]), max_size=2),
        state=_optional(backend=st.just("local"), path=st.just("a.json")),
        fingerprints=st.fixed_dictionaries({"key": _REFERENCE}),
        limits=_optional(updates=_LIMIT, disables=_LIMIT, adds=_LIMIT),
        rules=_optional(
            ICE304=st.sampled_from(["off", "'info'", "warning"]), ICE101=st.just("error")
        ),
        guards=st.lists(st.sampled_from(["tls-off", "'host-change'"]), max_size=3),
        secrets=_optional(
            env_allow=st.lists(st.just("'ICE_*'"), max_size=2),
            file_allow=st.lists(st.just("/run/**"), max_size=2),
        ),
    ),
)


def _paths(node: Any, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    parts = node.items() if isinstance(node, dict) else enumerate(node)
    below = parts if isinstance(node, dict | list) else ()
    return [path, *(found for key, value in below for found in _paths(value, (*path, key)))]


def _render(node: Any) -> str:
    if isinstance(node, dict):
        return "{" + ", ".join(f"{key}: {_render(value)}" for key, value in node.items()) + "}"
    if isinstance(node, list):
        return "[" + ", ".join(map(_render, node)) + "]"
    return str(node)


@st.composite
def _mutated(draw: st.DrawFn, files: st.SearchStrategy[Any]) -> str:
    """Draw a good file and change up to three of its nodes."""
    tree = copy.deepcopy(draw(files))
    for _ in range(draw(st.integers(0, 3))):
        path = draw(st.sampled_from(_paths(tree)))
        if not path:
            tree[draw(KEYS)] = draw(ODD)
            continue
        parent = tree
        for part in path[:-1]:
            parent = parent[part]
        change = draw(st.sampled_from(["replace", "replace", "remove", "rename", "add"]))
        if change == "replace":
            parent[path[-1]] = draw(ODD)
        elif change == "add" and isinstance(parent, dict):
            parent[draw(KEYS)] = draw(ODD)
        else:
            value = parent.pop(path[-1])
            if change == "rename" and isinstance(parent, dict):
                parent[draw(KEYS)] = value
    return _render(tree)


SEMANTIC = {
    "ICE102", "ICE104", "ICE107", "ICE110", "ICE111", "ICE112", "ICE113",
    "ICE201", "ICE202", "ICE203", "ICE211",
}  # fmt: skip
"""The rules that a schema cannot express: what is missing, twice, or both there and removed."""


@pytest.mark.parametrize(
    ("files", "file", "schema"),
    [
        (SERVER_FILES, "a.yaml", "email-servers"),
        (DEFAULTS_FILES, "_defaults.yaml", "defaults"),
    ],
    ids=["servers", "defaults"],
)
@given(data=st.data())
def test_quick_verdict_is_that_of_the_schema(
    files: st.SearchStrategy[Any], file: str, schema: str, data: st.DataObject
) -> None:
    """A file passes if jsonschema has nothing to say, and else jsonschema says it all."""
    text = data.draw(_mutated(files))
    document = parse_document(_source(text, file))
    assume(not document.problems)
    explained = check_schema(document, schema)
    event("refused" if explained else "accepted")

    _, findings = resolve([document])

    assert set(explained) <= set(findings)
    assert {d.rule for d in set(findings) - set(explained)} <= SEMANTIC


def _accepted(document: Document) -> bool:
    try:
        read_options(document)
    except UnfitOption:
        return False
    return True


@given(_mutated(PROJECT_FILES))
def test_quick_reading_of_a_project_is_that_of_the_schema(text: str) -> None:
    """A configuration is read if, and only if, jsonschema has nothing to say."""
    document = parse_document(_source(text, "icesync.yaml"))
    assume(not document.problems)

    accepted = _accepted(document)

    event("accepted" if accepted else "refused")
    assert accepted is (check_schema(document, "icesync") == ())


# --- order ------------------------------------------------------------------------------------


def _view(state: DesiredState) -> Any:
    """Return all that a desired state says, with every position."""
    servers = {
        address: (
            server.name,
            server.settings,
            server.secrets,
            [server.origin.position(key) for key in ("", *server.settings, *server.secrets)],
        )
        for address, server in state.servers.items()
    }
    return servers, state.removals, state.moves


def _linted(state: DesiredState) -> list[Diagnostic]:
    """Return what the rules about mail say, whatever is missing or odd."""
    return locate(SeverityPolicy({}).apply(lint(state, live=True)))


@given(
    st.dictionaries(
        st.sampled_from(["a.yaml", "b.yaml", "eu/a.yaml", "eu/b/c.yaml", "us/a.yaml"]),
        _mutated(SERVER_FILES),
    ),
    st.dictionaries(
        st.sampled_from(["_defaults.yaml", "eu/_defaults.yaml", "eu/_defaults.yml"]),
        _mutated(DEFAULTS_FILES),
    ),
    st.randoms(use_true_random=False),
)
def test_order_of_files_is_irrelevant(
    servers: dict[str, str], defaults: dict[str, str], random: Any
) -> None:
    """The same files give the same state and the same findings, whoever comes first."""
    files = list({**servers, **defaults}.items())
    shuffled = random.sample(files, len(files))

    state, findings = resolve([parse_document(_source(text, name)) for name, text in files])
    other, others = resolve([parse_document(_source(text, name)) for name, text in shuffled])

    assert findings == others
    assert _view(state) == _view(other)
    assert _linted(state) == _linted(other)


# --- secrets ----------------------------------------------------------------------------------

CANARY = "canary7h2"

_AROUND = st.text("aZ9 :#'\"[]{},&*!|>%@`-?\\~+/$=é", max_size=4)

PASSWORDS = st.one_of(
    st.builds(lambda before, after: f"{before}{CANARY}{after}", _AROUND, _AROUND),
    st.builds(
        lambda one, mid, two: f"{one}{CANARY}{mid}{CANARY}{two}",
        st.sampled_from(["", "{", "[", "'", '"', "ref+", "&a ", "!t ", "| ", ": "]),
        st.sampled_from([": ", ", ", ",", " ", "{", "' '", ": 1, "]),
        st.sampled_from(["", "}", "]", "'", '"', ": 1}", ": {}}"]),
    ),
    st.builds(lambda text: "'" + f"{text}{CANARY}".replace("'", "''") + "'", _AROUND),
    st.sampled_from(
        [f'"\\u202e{CANARY}"', f'"{CANARY}\\n"', f"|\n          {CANARY}\n", f"{CANARY}\t"]
    ),
)


OWN_SECRETS = ["api:\n  token", "api:\n  login:\n    password", "fingerprints:\n  key"]


def _told(findings: Any) -> str:
    return " ".join(f"{d.message} {d.hint}" for d in findings if isinstance(d, Diagnostic))


@given(PASSWORDS, st.sampled_from(["servers", "defaults"]))
def test_password_reaches_no_message(password: str, where: str) -> None:
    """Whatever is written at a password, broken YAML included, no finding repeats it."""
    item = "  - skill: 1\n    smtp:" if where == "servers" else "    smtp:"
    text = f"version: 1\norganization: 59\n{where}:\n{item}\n        password: {password}\n"

    _, findings = resolve([parse_document(_source(text))])

    assert findings
    assert CANARY not in _told(findings)


@given(PASSWORDS, st.sampled_from(OWN_SECRETS))
def test_own_secret_reaches_no_message(password: str, where: str) -> None:
    """The same holds for the credentials of icesync itself."""
    document = parse_document(_source(f"version: 1\n{where}: {password}\n"))
    found = document.problems or check_schema(document, "icesync")

    assert CANARY not in _told(found)
