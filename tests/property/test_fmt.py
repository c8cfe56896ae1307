"""The formatter: whatever a file looks like, its meaning, its comments and its spelling stay."""

from __future__ import annotations

import codecs
import re
from random import Random
from typing import TYPE_CHECKING, Any

from hypothesis import given
from hypothesis import strategies as st

from icesync.config.fmt import (
    find_literal_secrets,
    format_source,
    is_plainly_canonical,
    key_order,
)
from icesync.config.fmt_text import canonical_text
from icesync.config.resolve import resolve
from icesync.config.yaml_document import SourceFile, decode, parse_document
from icesync.model.fields import FIELDS, Kind, Role

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# --- a hand that writes YAML in every way that the reader takes -------------------------------

PLAIN = ["text", "0012", "on", "22:30", "Zoë", "東京🎄", "a#b", "long " * 60 + "end", "-x"]
QUOTED = ["'it''s'", '"caf\\u00e9: # \\"x\\""', "'~'", '"é\\ "', "''"]
FOLDED = ["one\n{margin}two", "'one\n{margin}  two'", '"one\\\n{margin}two\\ \n{margin} three"']
BLOCKS = ["|-\n{margin}in a: block", ">-  {comment}\n{margin}one\n{margin}two", "|2-\n{margin} two"]
SPELLINGS = {
    Kind.TEXT: [*PLAIN, *QUOTED[:-1]],
    Kind.FLAG: ["true", "false"],
    Kind.STATUS: ["Enabled", "'Disabled'"],
    Kind.INCOMING: ["pop3", '"imap"'],
    Kind.SECRET: ["ref+env://ICE_A", "'ref+file://a/b?c#/d'", "ref+file://a.yaml#/59-663/smtp"],
}
NUMBERS = ["1", "25", "663"]


class Hand:
    """Writes a tree of mappings, lists and spellings as YAML; each comment has a number."""

    def __init__(self, random: Random, *, aliases: bool) -> None:
        self.random = random
        self.aliases = aliases
        self.comments = 0
        self.anchors = 0
        self.anchored: list[str] = []
        self.in_block = False
        """whether a deeper comment would belong to a block scalar"""

    def may(self, chance: float = 0.2) -> bool:
        """Return whether to do something."""
        return self.random.random() < chance

    def comment(self) -> str:
        """Return a comment that stands nowhere else."""
        self.comments += 1
        return f"#{self.random.choice(['', ' ', '# '])}c{self.comments}. key: [x, é] {{"

    def aside(self) -> str:
        """Return what may stand behind something on its line."""
        if self.may():
            return " " * self.random.randint(1, 4) + self.comment()
        return self.random.choice(["", "", "", " "])

    def between(self, margin: int) -> Iterator[str]:
        """Yield comments at any column, and blank lines."""
        while self.may():
            deeper = margin if self.in_block else 12
            column = self.random.choice([margin, margin, 0, self.random.randint(0, deeper)])
            yield self.random.choice([" " * column + self.comment(), "", "  "])

    def block(self, node: Any, margin: int, *, bare: bool = False) -> Iterator[str]:
        """Yield the lines of a collection in block style; *bare* ones begin with an entry."""
        pairs = node.items() if isinstance(node, dict) else [(None, item) for item in node]
        for key, value in pairs:
            if not bare:
                yield from self.between(margin)
            bare = False
            if key is None:
                head = "-" + " " * self.random.randint(1, 3)
            elif self.may(0.05):
                yield " " * margin + f"? {key}"
                head = ": "
            else:
                head = key + " " * self.may(0.1) + ":" + " " * self.random.choice([1, 1, 1, 3])
            yield from self.entry(" " * margin + head, value, margin, item=key is None)
        yield from self.between(margin)

    def entry(self, head: str, value: Any, margin: int, *, item: bool) -> Iterator[str]:
        """Yield the lines of a value behind its key or dash."""
        if isinstance(value, str):
            yield from self.scalar(head, value, margin)
        elif not value or self.may(0.3):
            self.in_block = False
            yield head + self.flow(value, margin + 1) + self.aside()
        elif item and self.may(0.7):
            first, *others = self.block(value, len(head), bare=True)
            yield head + first[len(head) :]
            yield from others
        else:
            yield (head + self.anchor()).rstrip() + self.aside()
            dashes = isinstance(value, list) and not item and self.may(0.3)
            yield from self.block(value, margin if dashes else margin + self.random.randint(1, 5))

    def scalar(self, head: str, value: str, margin: int) -> Iterator[str]:
        """Yield the lines of a scalar, here or on lines of its own."""
        text = value.replace("{comment}", self.comment() if "{comment}" in value else "")
        text = text.replace("{margin}", " " * (margin + (2 if "2-" in value else 3)))
        self.in_block = text[:1] in {"|", ">"}
        if not self.in_block:
            text += self.aside()
            if self.may(0.1):
                yield head.rstrip() + self.aside()
                head = " " * (margin + self.random.randint(1, 3))
        if self.aliases and self.anchored and self.may():
            yield f"{head}*{self.random.choice(self.anchored)}"
            return
        anchor = self.anchor() if value else ""
        if anchor:
            self.anchored = [*self.anchored, anchor.strip("& ")]
        yield head + anchor + text

    def anchor(self) -> str:
        """Return an anchor, sometimes."""
        self.anchors += 1
        return f"&a{self.anchors} " if self.may(0.1) else ""

    def flow(self, node: Any, margin: int) -> str:
        """Return a value in flow style, on one line or on several."""
        if isinstance(node, str):
            return node if node and "{" not in node else "x"
        pairs = node.items() if isinstance(node, dict) else [(None, item) for item in node]
        parts = [(f"{key}: " if key else "") + self.flow(value, margin) for key, value in pairs]
        gaps = [self.gap(margin) for _ in range(len(parts) + 1)]
        commas = [self.random.choice([",", " ,"])] * (len(parts) - 1) + [""] * bool(parts)
        inside = "".join(
            gap + part + comma for gap, part, comma in zip(gaps[:-1], parts, commas, strict=True)
        )
        return f"{{{inside}{gaps[-1]}}}" if isinstance(node, dict) else f"[{inside}{gaps[-1]}]"

    def gap(self, margin: int) -> str:
        """Return what may stand between two entries in braces."""
        if self.may(0.9):
            return " "
        return "\n".join([self.aside(), *self.between(margin), " " * margin])


KEYS = ["smtp", "servers", "skill", "port", "zoo", "'a b'", '"é"', "x#y", "on"]
TEXTS = [*PLAIN, *QUOTED, *FOLDED, *BLOCKS]
ROWS = [f for f in FIELDS if f.role not in {Role.ADDRESS, Role.LABEL}]


def _some(random: Random, items: list[Any]) -> list[Any]:
    return random.sample(items, random.randint(0, len(items)))


def _settings(random: Random, *, server: bool) -> dict[str, Any]:
    """Return the settings of a server or of defaults, all or some, in any order."""
    node: dict[str, Any] = {"skill": random.choice(NUMBERS)} if server else {}
    for row in _some(random, ROWS):
        below = node.setdefault(row.block, {}) if row.block else node
        texts = TEXTS[:-1] if row.kind is Kind.TEXT else SPELLINGS.get(row.kind, NUMBERS)
        below[row.leaf] = random.choice([text for text in texts if text != "''"])
    return _shuffled(random, node)


def _shuffled(random: Random, node: dict[str, Any]) -> dict[str, Any]:
    return dict(random.sample(list(node.items()), len(node)))


def _server_file(random: Random) -> dict[str, Any]:
    file: dict[str, Any] = {"version": "1", "organization": "59"}
    parts = {
        "defaults": _settings(random, server=False),
        "servers": [_settings(random, server=True) for _ in range(random.randint(1, 3))],
        "removed": [{"action": "forget", "skill": "9"}],
    }
    return _shuffled(random, {**file, **dict(_some(random, list(parts.items())))})


def _odd_node(random: Random, depth: int) -> Any:
    choice = random.randint(0, 4)
    if choice > 1 or depth > 3:
        return random.choice([*TEXTS, ""])
    size = random.randint(0, 3)
    if choice:
        return [_odd_node(random, depth + 1) for _ in range(size)]
    return {key: _odd_node(random, depth + 1) for key in random.sample(KEYS, size)}


def _odd_file(random: Random) -> dict[str, Any]:
    keys = random.sample(KEYS, random.randint(1, 4))
    return {key: _odd_node(random, 0) for key in keys}


class SuppressingHand(Hand):
    """Makes suppressions of some comments, wherever they stand."""

    def comment(self) -> str:
        """Return a comment that stands nowhere else."""
        text = super().comment()
        return f"# icesync: allow ICE304 n{self.comments}" if self.may(0.4) else text


def _write(
    tree: dict[str, Any], random: Random, *, aliases: bool, kind: type[Hand] = Hand
) -> SourceFile:
    """Return a file as some hand would write it."""
    hand = kind(random, aliases=aliases)
    lines = list(hand.block(tree, 0))
    if hand.may(0.1):
        lines = [*hand.between(0), "---" + hand.aside(), *lines]
    text = "\n".join(lines) + random.choice(["\n", "", "\n\n\n"])
    if hand.may():
        text = text.replace("\n", "\r\n")
    return SourceFile("a.yaml", codecs.BOM_UTF8 * hand.may() + text.encode())


def _files(
    tree: Callable[[Random], dict[str, Any]], *, aliases: bool, kind: type[Hand] = Hand
) -> st.SearchStrategy[SourceFile]:
    """Return files of a kind; a file is made from one number, since it has thousands of choices."""

    def write(seed: int) -> SourceFile:
        random = Random(seed)  # noqa: S311 - not for secrets
        return _write(tree(random), random, aliases=aliases, kind=kind)

    return st.integers(0, 2**64).map(write)


def _leaky_file(random: Random) -> dict[str, Any]:
    """Return a server file with literal passwords, at their places and at keys spelled wrong."""
    file = _server_file(random)
    for server in [file.get("defaults", {}), *file.get("servers", [])]:
        for block in {"smtp", "pop3", "imap"} & server.keys():
            server[block][random.choice(["password", "pasword"])] = random.choice(LITERALS)
    return file


LITERALS = [
    "canary7h2", "'canary7h2 x'", '"\\u0020canary7h2"', "|-\n{margin}canary7h2: {", ["canary7h2"],
    {"canary7h2": "canary7h2"}, "ref+canary7h2", "one\n{margin}canary7h2",
]  # fmt: skip


SERVER_FILES = _files(_server_file, aliases=False)
ANY = SERVER_FILES | _files(_odd_file, aliases=True)


@given(ANY)
def test_generated_files_can_be_read(source: SourceFile) -> None:
    """The hand above writes nothing that the strict reader refuses: what follows is about all."""
    assert parse_document(source).problems == ()


@given(SERVER_FILES)
def test_desired_state_is_the_same(source: SourceFile) -> None:
    """What the files want is the same before and after, whatever they look like."""
    formatted = format_source(source)

    before, _ = resolve([parse_document(source)])
    after, _ = resolve([parse_document(SourceFile("a.yaml", formatted.after))])

    assert formatted.problems == ()
    assert {a: (s.settings, s.secrets, s.name) for a, s in before.servers.items()} == {
        a: (s.settings, s.secrets, s.name) for a, s in after.servers.items()
    }
    assert before.removals.keys() == after.removals.keys()


@given(ANY)
def test_formatting_twice_is_formatting_once(source: SourceFile) -> None:
    """A file in shape stays as it is."""
    once = format_source(source)
    twice = format_source(SourceFile("a.yaml", once.after))

    assert once.problems == ()
    assert twice.after.decode() == once.after.decode()


def _edited(data: bytes, random: Random) -> bytes:
    """Return a text in shape with some of its lines moved, dropped, doubled or indented anew."""
    lines = data.decode().split("\n")
    for _ in range(random.randint(0, 3)):
        at = random.randrange(len(lines))
        line = random.choice(lines)
        margin = " " * random.choice([0, 2, 4, 6])
        lines[at : at + random.randint(0, 1)] = random.choice([
            [], [""], ["", ""], [line], [margin + line.strip()], [f"{margin}# c"], [f"{margin}#"],
            [f"{margin}#   - smtp: x"], [f"{lines[at]} # c"], [f"{lines[at]}  # c"],
            [f"{margin}smtp: {{port: 1, host: x}}"], [f"{margin}imap: {{host: a.b, port: 1}}   #"],
            [f"{margin}smtp:"], [f"{lines[at]} "],
        ])  # fmt: skip
    return "\n".join(lines).encode()


@given(SERVER_FILES, st.randoms(use_true_random=False))
def test_what_looks_canonical_line_by_line_is(source: SourceFile, random: Random) -> None:
    """The look at lines that spares a tree never takes for canonical what its text is not."""
    edited = SourceFile("a.yaml", _edited(format_source(source).after, random))
    document = parse_document(edited)
    order = key_order(document.data)

    if not document.problems and is_plainly_canonical(edited, order):
        assert canonical_text(document.tree, order) == decode(edited.data)


def _words(data: bytes) -> list[str]:
    """Return the words of a text, without the punctuation that may stand at their ends."""
    words = re.split(r"[\s{}\[\],]+", data.decode("utf-8-sig"))
    return sorted(word for word in words if word.strip("-?:."))


@given(ANY)
def test_no_word_is_lost_or_spelled_anew(source: SourceFile) -> None:
    """Every comment, quote, escape and anchor is there as often as before, letter by letter."""
    before = [word.rstrip(":") for word in _words(source.data)]
    after = [word.rstrip(":") for word in _words(format_source(source).after)]

    assert sorted(after) == sorted(before)


@given(ANY)
def test_line_ends_and_mark_are_kept(source: SourceFile) -> None:
    """A file from Windows stays one, and every file ends in one line end."""
    after = format_source(source).after
    windows = b"\r\n" in source.data.partition(b"\n")[0] + b"\n"

    assert after.startswith(codecs.BOM_UTF8) is source.data.startswith(codecs.BOM_UTF8)
    assert after.count(b"\r\n") == (after.count(b"\n") if windows else 0)
    assert after.endswith(b"\n")
    assert not after.endswith((b"\n\n", b"\r\n\r\n"))


SUPPRESSING = _files(_server_file, aliases=False, kind=SuppressingHand) | _files(
    _odd_file, aliases=True, kind=SuppressingHand
)


def _covered(data: bytes) -> dict[str, tuple[Any, str]]:
    """Return what each suppression covers: the path of its value, or of the key alone."""
    tree = parse_document(SourceFile("a.yaml", data)).tree
    return {
        text: (subject and subject.path, "key" if subject and subject.inner == subject.end else "")
        for text, _, subject in tree.directives()
    }


@given(SUPPRESSING)
def test_suppressions_cover_the_same(source: SourceFile) -> None:
    """Wherever a suppression stands, its file is formatted, at once, and it covers what it did."""
    once = format_source(source)
    twice = format_source(SourceFile("a.yaml", once.after))

    assert once.problems == ()
    assert _covered(once.after) == _covered(source.data)
    assert twice.after.decode() == once.after.decode()


@given(_files(_leaky_file, aliases=False))
def test_literal_password_is_found(source: SourceFile) -> None:
    """Whatever a literal password looks like, it is found before a difference is shown."""
    for data in (source.data, format_source(source).after):
        found = find_literal_secrets(SourceFile("a.yaml", data))

        assert bool(found) >= (b"canary7h2" in data)


@given(SERVER_FILES)
def test_keys_are_in_order(source: SourceFile) -> None:
    """Keys stand in the order of the table."""
    data = parse_document(SourceFile("a.yaml", format_source(source).after)).data
    rows = [f.key for f in FIELDS]
    top = ["version", "organization", "defaults", "servers", "removed"]

    assert list(data) == [key for key in top if key in data]
    for server in data.get("servers", []):
        keys = [
            f"{key}.{leaf}" if leaf else key
            for key, value in server.items()
            for leaf in (value if isinstance(value, dict) else [""])
        ]
        assert keys == [key for key in rows if key in keys]
