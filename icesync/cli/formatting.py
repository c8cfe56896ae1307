"""What ``icesync fmt`` reads, writes and says."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from icesync.cli.files import replace_text
from icesync.config.fmt import Formatted, find_literal_secrets, format_source
from icesync.config.yaml.source import MAX_BYTES, SourceFile
from icesync.config.yaml.tree import decode
from icesync.diagnostics import sort_diagnostics
from icesync.engine.fmt import Formatting
from icesync.errors import ConfigError
from icesync.render.diff import render_diff
from icesync.render.findings import render_diagnostics
from icesync.render.style import counted, safe

if TYPE_CHECKING:
    from icesync.cli.console import Console

__all__ = ["format_stdin", "report", "write"]

_STDIN: Final = "<stdin>"


def format_stdin(console: Console, *, looking: bool, diff: bool) -> int:
    """Write what stdin holds to stdout in its canonical text, or only say whether it differs."""
    data = sys.stdin.buffer.read(MAX_BYTES + 1)
    file = format_source(SourceFile(_STDIN, data))
    formatting = Formatting((file,), file.problems)
    if not looking and not file.problems:
        console.binary(file.after)
        return 0
    return report(console, formatting, diff=diff, looking=looking)


def write(root: str, formatting: Formatting) -> None:
    """
    Put the new texts in the place of the old ones.

    Raises:
        UsageError: a file cannot be written.

    """
    for file in formatting.changed:
        # A link stays one: what it leads to, inside of the root, is replaced.
        replace_text((Path(root) / file.source.path).resolve(), file.after)


def report(console: Console, formatting: Formatting, *, diff: bool, looking: bool) -> int:
    """Name the files that change, or show how, then say the rest; return the exit code."""
    problems = list(formatting.problems)
    for file in formatting.changed:
        secrets = find_literal_secrets(file.source) if diff else ()
        problems += secrets
        named = not diff or secrets
        console.data(f"{safe(file.source.path)}\n" if named else _difference(console, file))
    console.complain(render_diagnostics(sort_diagnostics(problems), console.talk_style))
    for path, reason in formatting.spared:
        console.talk(f"left alone: {safe(path)}: {reason}")
    console.talk(_summary(formatting, looking=looking))
    if looking and formatting.changed and formatting.changed[0].source.path != _STDIN:
        console.talk("hint: icesync fmt   lays out what is not in shape")
    failed = bool(formatting.problems) or (looking and bool(formatting.changed))
    return ConfigError.exit_code if failed else 0


def _difference(console: Console, file: Formatted) -> str:
    before, after = (decode(data) for data in (file.source.data, file.after))
    return render_diff(file.source.path, before, after, console.style)


def _summary(formatting: Formatting, *, looking: bool) -> str:
    """Return how many files are in which shape."""
    refused = len({problem.position.file for problem in formatting.problems})
    changed = len(formatting.changed)
    shapely = sum(not file.changed and not file.problems for file in formatting.files)
    parts = [
        f"{counted(changed, 'file')} {'not in shape' if looking else 'laid out'}",
        f"{counted(refused, 'file')} left alone",
        f"{counted(shapely, 'file')} in shape",
    ]
    return ", ".join(part for part in parts if not part.startswith("0 ")) or "no file"
