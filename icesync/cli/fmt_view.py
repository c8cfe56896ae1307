"""What ``icesync fmt`` reads, writes and says."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final

from icesync.diagnostics import sort_diagnostics
from icesync.engine.fmt import MAX_BYTES, compare, find_literal_secrets, format_text
from icesync.errors import EXIT_UNEXPECTED, ConfigError, counted
from icesync.render.style import render_diff, safe

if TYPE_CHECKING:
    from icesync.cli.console import Console
    from icesync.engine.fmt import Formatted, Formatting

_STDIN: Final = "<stdin>"


def format_stdin(console: Console, *, looking: bool, diff: bool) -> int:
    """Write what stdin holds to stdout in its canonical text, or only say whether it differs."""
    formatting = format_text(_STDIN, sys.stdin.buffer.read(MAX_BYTES + 1))
    if not looking and not formatting.problems:
        console.binary(formatting.files[0].after)
        return 0
    return report(console, formatting, diff=diff, looking=looking)


def report(console: Console, formatting: Formatting, *, diff: bool, looking: bool) -> int:
    """Name the files that change, or show how, then say the rest; return the exit code."""
    problems = list(formatting.problems)
    for file in formatting.changed:
        secrets = find_literal_secrets(file.source) if diff else ()
        problems += secrets
        named = not diff or secrets
        name = console.style.file(file.source.path)
        console.data(f"{name}\n" if named else _difference(console, file))
    console.complain_of(sort_diagnostics(problems))
    for path, reason in formatting.spared:
        console.talk(f"skipped: {console.style.file(path)}: {reason}")
    for left in formatting.unwritten:
        what = "skipped" if left.changed else "not written"
        console.complain(f"error: {console.style.file(left.path)}: {what}: {safe(left.reason)}\n")
        if left.changed:
            console.complain("  hint: run `icesync fmt` again\n")
    console.talk(_summary(formatting, looking=looking))
    if looking and formatting.changed and formatting.changed[0].source.path != _STDIN:
        console.talk("hint: run `icesync fmt` to format them")
    if any(not left.changed for left in formatting.unwritten):
        return EXIT_UNEXPECTED
    failed = problems or formatting.unwritten or (looking and formatting.changed)
    return ConfigError.exit_code if failed else 0


def _difference(console: Console, file: Formatted) -> str:
    return render_diff(file.source.path, *compare(file), console.style)


def _summary(formatting: Formatting, *, looking: bool) -> str:
    """Return how many files are in which shape."""
    refused = len({problem.position.file for problem in formatting.problems})
    refused += len(formatting.unwritten)
    changed = len(formatting.changed)
    formatted = sum(not file.changed and not file.problems for file in formatting.files)
    parts = [
        f"{counted(changed, 'file')} {'not formatted' if looking else 'formatted'}",
        f"{counted(refused, 'file')} skipped",
        f"{counted(formatted, 'file')} already formatted",
    ]
    return ", ".join(part for part in parts if not part.startswith("0 ")) or "no file"
