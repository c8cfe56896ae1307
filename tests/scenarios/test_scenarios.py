"""
Play every page ``*.txt`` of this folder; adding a case is adding a page.

A page opens with its rule, then is read from top to bottom:

* ``-- PATH --`` writes the lines below it to a file, up to the next mark;
* ``$ icesync ...`` runs the program; ``> `` and ``! `` lines below it are what
  stdout and stderr must hold, ``= 6`` is the exit code unless it is 0; with
  ``> /dev/null`` behind the command the page is silent about stdout;
* ``$ set NAME VALUE``, ``$ unset NAME``, ``$ replace FILE OLD NEW``,
  ``$ rm FILE`` and ``$ cat FILE`` are what a person does in between.

Each command that an answer prints is pasted, into a copy of the folder: it must do what is
needed, or say what else is.

``DIGEST`` in a command is the last plan digest that was shown. What differs
from run to run is replaced by a word in capitals. ``--update-golden`` writes
what was answered into the page, to be read in review.
"""

from __future__ import annotations

import re
import shlex
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest
from rig import Result, run_program

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

PAGES: Final = sorted(Path(__file__).parent.glob("*.txt"))

_MARK: Final = re.compile(r"-- (\S+) --")
_PLAN_DIGEST: Final = re.compile(r"^Digest: (sha256:[0-9a-f]{64})$", re.MULTILINE)

_PRINTED: Final = re.compile(r"`(icesync [^`]+)`|(?:: |^ +)(icesync [^`\n]+)$", re.MULTILINE)
"""A command in backticks, at the end of a line, or on a line of its own."""

_WORDS: Final = (
    (re.compile(r"sha256:[0-9a-f]{64}"), "sha256:DIGEST"),
    (re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"), "LINEAGE"),
    (re.compile(r"\b[0-9a-f]{32}\b"), "HEX"),
    (re.compile(r"\b[0-9a-f]{16}\b"), "KEYID"),
    (re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?Z"), "TIME"),
    (re.compile(r"\bin \d+\.\d s;"), "in N s;"),
    (re.compile(r'"(elapsed|started)_s": [0-9.e-]+'), r'"\1_s": N'),
    (re.compile(r"\bin \d+ minutes\b"), "in N minutes"),
)


class World:
    """One folder, the variables of one shell, and what was answered so far."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.environ: dict[str, str] = {}
        self.digest = "DIGEST"
        self.pasted: set[tuple[str, ...]] = set()

    def do(self, command: str) -> Result:
        """Carry out one command."""
        verb, *words = shlex.split(command)
        if verb == "icesync":
            silent = words[-2:] == [">", "/dev/null"]
            return self._run(words[:-2] if silent else words, silent=silent)
        return Result(0, getattr(self, f"_{verb}")(*words) or "", "")

    def write(self, name: str, lines: Sequence[str]) -> None:
        """Write one file."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(f"{line}\n" for line in lines))

    def _run(self, words: Sequence[str], *, silent: bool) -> Result:
        arguments = [word.replace("DIGEST", self.digest) for word in words]
        result = run_program(arguments, self.root, self.environ)
        self._paste(result)
        for digest in _PLAN_DIGEST.findall(result.stdout):
            self.digest = digest
        texts = []
        for text in ("" if silent else result.stdout, result.stderr):
            told = text.replace(str(self.root), "ROOT")
            for pattern, word in _WORDS:
                told = pattern.sub(word, told)
            texts.append(told)
        return Result(result.code, *texts)

    def _paste(self, result: Result) -> None:
        """Run what was printed in a copy, and demand that it leads on."""
        for quoted, alone in _PRINTED.findall(result.stdout + result.stderr):
            words = shlex.split((quoted or alone).partition("   ")[0].replace("FILE", "new.json"))
            if tuple(words) in self.pasted:
                continue
            self.pasted.add(tuple(words))
            copy = self.root.with_name(f"{self.root.name}-{len(self.pasted)}")
            shutil.copytree(self.root, copy)
            pasted = run_program(words[1:], copy, self.environ)
            hints = [
                line for line in pasted.stderr.splitlines() if line.lstrip().startswith("hint: ")
            ]
            onward = any(f"`{shlex.join(words)}`" not in hint for hint in hints)

            assert pasted.code == 0 or (onward and "--allow" not in words), (words, pasted)
            assert pasted.code not in {1, 64}, (words, pasted)

    def _set(self, name: str, value: str) -> None:
        self.environ[name] = value

    def _unset(self, name: str) -> None:
        del self.environ[name]

    def _replace(self, name: str, old: str, new: str) -> None:
        text = (self.root / name).read_text()
        if old not in text:
            raise AssertionError(f"{name} does not hold {old!r}")
        (self.root / name).write_text(text.replace(old, new))

    def _rm(self, name: str) -> None:
        (self.root / name).unlink()

    def _cat(self, name: str) -> str:
        return (self.root / name).read_text()


@dataclass
class Block:
    """A mark, a command or plain words, with the lines that belong to it."""

    head: str
    lines: list[str] = field(default_factory=list)


def read_page(text: str) -> Iterator[Block]:
    """Yield the blocks of a page; lines of an expectation are left out."""
    block = Block("")
    for line in text.splitlines():
        if _MARK.fullmatch(line) or line.startswith("$ "):
            yield block
            block = Block(line)
        elif not (block.head.startswith("$ ") and line[:1] in {">", "!", "="}):
            block.lines.append(line)
    yield block


def play(blocks: Sequence[Block], world: World) -> str:
    """Return the page as *world* answers it."""
    lines: list[str] = []
    for block in blocks:
        lines += [block.head] if block.head else []
        mark = _MARK.fullmatch(block.head)
        if mark:
            world.write(mark[1], "\n".join(block.lines).rstrip("\n").split("\n"))
        elif block.head:
            lines += _told(world.do(block.head.removeprefix("$ ")))
        lines += block.lines
    return "\n".join(lines) + "\n"


def _told(result: Result) -> Iterator[str]:
    for prefix, text in ((">", result.stdout), ("!", result.stderr)):
        yield from (f"{prefix} {line}".rstrip() for line in text.splitlines())
    if result.code:
        yield f"= {result.code}"


@pytest.mark.parametrize("page", [pytest.param(page, id=page.stem) for page in PAGES])
def test_page(page: Path, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """The program answers as the page says."""
    (tmp_path / ".git").mkdir()
    expected = page.read_text()
    answered = play(list(read_page(expected)), World(tmp_path))
    if request.config.getoption("--update-golden"):
        page.write_text(answered)
        expected = answered

    assert answered == expected


def test_there_are_pages() -> None:
    """The folder is found: a renamed one would pass in silence."""
    assert len(PAGES) >= 20
