"""Comments and the formatter: whoever a comment is about, it stays with him, wherever he goes."""

from __future__ import annotations

import re
from random import Random
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from icesync.config.fmt import format_source
from icesync.config.yaml_document import SourceFile
from icesync.model.fields import FIELDS, Role

if TYPE_CHECKING:
    from collections.abc import Iterator

LEAVES = [f.leaf for f in FIELDS if not f.block and f.role not in {Role.ADDRESS, Role.PRESET}]
BLOCKS = {
    block: [f.leaf for f in FIELDS if f.block == block] for block in ("smtp", "pop3", "spoofing")
}


class Author:
    """
    Writes server files whose every value and comment has a number, and notes who owns what.

    *owners* says of each comment how it is tied: ``above`` what follows, ``behind`` a
    value, ``below`` one, or at the ``end`` of the block that holds a value.
    """

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)  # noqa: S311 - not for secrets
        self.values = 0
        self.owners: dict[str, tuple[str, set[str]]] = {}
        self.step = self.random.randint(2, 5)

    def may(self, chance: float) -> bool:
        """Return whether to do something."""
        return self.random.random() < chance

    def value(self) -> str:
        """Return a value that stands nowhere else."""
        self.values += 1
        return f"v{self.values}."

    def comment(self, how: str, values: set[str], text: str = "# {} words") -> str:
        """Return a comment that stands nowhere else, tied to what holds *values*."""
        number = f"c{len(self.owners)}."
        self.owners[number] = (how, values)
        return text.format(number)

    def file(self) -> str:
        """Return a file of some servers."""
        lines = ["version: 1", "organization: 59", "", "servers:"]
        column = self.random.choice([0, 2])
        for skill in range(1, self.random.randint(2, 4)):
            lines += self.server(skill, column)
        return "\n".join(lines) + "\n"

    def server(self, skill: int, column: int) -> Iterator[str]:
        """Yield the lines of one server."""
        lines = list(self.mapping([*self.some(LEAVES), *self.some(list(BLOCKS))], column + 2))
        yield " " * column + "- " + lines[0].lstrip()
        yield from lines[1:]
        yield " " * (column + 2) + f"skill: {skill}"
        if self.may(0.5):
            yield ""

    def some(self, keys: list[str]) -> list[str]:
        """Return one or more of *keys*, in any order."""
        return self.random.sample(keys, self.random.randint(1, len(keys)))

    def mapping(self, keys: list[str], column: int) -> Iterator[str]:
        """Yield the lines of a block of *keys*, in any order, with comments."""
        self.random.shuffle(keys)
        margin = " " * column
        quiet = True  # above the first key a comment is about the whole server
        for key in keys:
            values: set[str] = set()
            if not quiet and self.may(0.2):
                yield ""
            while not quiet and self.may(0.3):
                yield margin + self.comment("above", values)
            quiet = False
            if key in BLOCKS:
                yield f"{margin}{key}:" + self.behind(values)
                yield from self.block(key, values, column + self.step)
            else:
                values.add(self.value())
                line = f"{margin}{key}: {min(values)}"
                behind = self.behind(values)
                yield line + behind
                if behind and self.may(0.4):
                    hash_ = len(line) + len(behind) - len(behind.lstrip())
                    at = self.random.choice([hash_, column + 1 + self.random.randint(0, 9)])
                    yield " " * at + self.comment("more", values)
            if self.may(0.2):
                yield margin + self.comment("below", values)
                yield ""

    def block(self, key: str, values: set[str], column: int) -> Iterator[str]:
        """Yield the lines of a block; its values go into *values*."""
        margin = " " * column
        for leaf in self.some(BLOCKS[key]):
            value = self.value()
            values.add(value)
            yield f"{margin}{leaf}: {value}" + self.behind({value})
        if self.may(0.3):
            out = self.may(0.5)
            text = f"#{margin}zoo: {{}}" if out else f"{margin}# {{}} the end"
            yield self.comment("end", values, text)

    def behind(self, values: set[str]) -> str:
        """Return a comment behind something, sometimes."""
        if not self.may(0.3):
            return ""
        return " " * self.random.randint(1, 3) + self.comment("behind", values)


def _column(line: str) -> int:
    return len(line) - len(line.lstrip())


def _value(lines: list[str], number: int) -> str:
    """Return the value on a line or, where it is the key of a block, the next one below."""
    found = (re.search(r"v\d+\.", line) for line in lines[number:])
    return next((match[0] for match in found if match), "")


def _ties(lines: list[str], number: int) -> Iterator[tuple[str, str]]:
    """Yield all that a reader may take the comment on a line of a canonical text for."""
    code = lines[number].partition("#")[0]
    if code.strip():
        yield "behind", _value(lines, number)
        return
    up, down = number - 1, number + 1
    while lines[up].lstrip().startswith("#"):
        up -= 1
    while lines[down].lstrip().startswith("#"):
        down += 1
    above, below = lines[up], lines[down]
    if above.find("#") == len(code):
        yield "more", _value(lines, up)
    if above and (not below or _column(below) < len(code)):
        yield "below", _value(lines, up)
        yield "end", _value(lines, up)
    if below:
        yield "above", _value(lines, down)


@given(st.integers(0, 2**64))
def test_each_comment_stays_with_its_owner(seed: int) -> None:
    """Above, behind, below, continued, at a block's end, commented out: with its key as before."""
    author = Author(seed)
    text = author.file()
    after = format_source(SourceFile("a.yaml", text.encode())).after.decode()
    lines = after.split("\n")

    for comment, (how, values) in author.owners.items():
        [number] = [n for n, line in enumerate(lines) if f" {comment}" in line]
        ties = dict(_ties(lines, number))

        assert ties.get(how) in values, (comment, how, text, after)


@given(st.integers(0, 2**64))
def test_once_is_enough(seed: int) -> None:
    """A second run changes nothing."""
    once = format_source(SourceFile("a.yaml", Author(seed).file().encode()))
    twice = format_source(SourceFile("a.yaml", once.after))

    assert twice.after.decode() == once.after.decode()
