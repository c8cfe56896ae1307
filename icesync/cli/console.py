"""The streams: data to stdout, talk to stderr, colour only where somebody looks."""

from __future__ import annotations

import os
import select
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, TextIO

from icesync.render.style import Style, fold

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from icesync.diagnostics import Diagnostic
    from icesync.model.report import Event


_NARROWEST: Final = 60
_WIDEST: Final = 200
_USUAL: Final = 100


def wants_colour(choice: str, environ: Mapping[str, str], *, terminal: bool) -> bool:
    """
    Return whether to paint: the flag, then the usual variables, then whether it is a terminal.

    ``NO_COLOR`` counts when it is not empty (no-color.org), ``FORCE_COLOR`` and
    ``CLICOLOR_FORCE`` when they are neither empty nor 0, as for Node's programs
    and CMake, ``CLICOLOR`` when it is 0 (bixense.com).
    """
    if choice != "auto":
        return choice == "always"
    if environ.get("NO_COLOR"):
        return False
    if any(environ.get(name, "0") not in {"", "0"} for name in ("FORCE_COLOR", "CLICOLOR_FORCE")):
        return True
    if environ.get("CLICOLOR") == "0" or environ.get("TERM") == "dumb":
        return False
    return terminal


STDOUT_NAME: Final = "<stdout>"


class _NamingStdout:
    """Gives an error of stdout its name, so that nobody takes it for a disk's."""

    def __enter__(self) -> None:
        """Begin to write."""

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        """Name the error."""
        if isinstance(error, OSError):
            error.filename = STDOUT_NAME


_NAMING_STDOUT: Final = _NamingStdout()


class Console:
    """
    Where a command writes; *quiet* keeps all talk but errors to itself.

    A reader of stderr that goes away is not worth ending anything for. *located*
    puts where the configuration is into the commands that a text names, *named* names
    a file of the project from where the user stands.
    """

    def __init__(
        self,
        colour: str = "auto",
        *,
        quiet: bool = False,
        verbose: int = 0,
        located: Callable[[str], str] = str,
        named: Callable[[str], str] = str,
    ) -> None:
        self.located = located
        self.named = named
        self.quiet = quiet
        self.verbose = verbose
        self._colour = colour
        for stream in (sys.stdout, sys.stderr):
            reconfigure = getattr(stream, "reconfigure", None)
            if reconfigure is not None:
                # An ASCII locale must not turn a name into a traceback.
                reconfigure(errors="backslashreplace")

    @property
    def style(self) -> Style:
        """How to paint what goes to stdout."""
        return self._style(sys.stdout)

    @property
    def talk_style(self) -> Style:
        """How to paint what goes to stderr."""
        return self._style(sys.stderr)

    @property
    def interactive(self) -> bool:
        """Whether a person can see a question and answer it."""
        return sys.stdin is not None and sys.stdin.isatty() and sys.stderr.isatty()

    def data(self, text: str) -> None:
        """Write *text* to stdout as it is."""
        with _NAMING_STDOUT:
            sys.stdout.write(text)

    def binary(self, data: bytes) -> None:
        """Write *data* to stdout, whatever the encoding of the terminal."""
        with _NAMING_STDOUT:
            sys.stdout.flush()
            sys.stdout.buffer.write(data)
            sys.stdout.buffer.flush()

    def flush(self) -> None:
        """Let a reader have what was written so far."""
        with _NAMING_STDOUT:
            sys.stdout.flush()

    def document(self, document: Mapping[str, Any]) -> None:
        """Write *document* to stdout as JSON."""
        from icesync.render.jsondoc import spell

        for part in spell(document):
            self.data(part)

    def talk(self, text: str) -> None:
        """Say *text* on stderr, on a line of its own, unless asked to be quiet."""
        if not self.quiet:
            with suppress(OSError):
                sys.stderr.write(f"{fold(self.located(text), self.talk_style.width)}\n")

    def note(self, event: Event) -> None:
        """Say what a use case notes."""
        from icesync.model.report import Note

        if isinstance(event, Note):
            self.talk(f"note: {event.text}")

    def complain(self, text: str) -> None:
        """Write *text* to stderr as it is, even when asked to be quiet."""
        self.flush()
        with suppress(OSError):
            sys.stderr.write(self.located(text))

    def complain_of(self, found: Iterable[Diagnostic], *, every: bool = False) -> None:
        """Write *found* to stderr; when asked to be quiet only the errors of it."""
        from icesync.diagnostics import Severity

        shown = [d for d in found if not self.quiet or d.severity is Severity.ERROR]
        if shown:
            from icesync.render.findings import render_diagnostics

            self.complain(render_diagnostics(shown, self.talk_style, every=every))

    def ask(self, question: str) -> str:
        """Return the answer of a person to *question*, asked on stderr."""
        self.flush()
        sys.stderr.write(question)
        sys.stderr.flush()
        with suppress(OSError, ValueError):  # a stream that is no file has its answer
            # In turns: a signal that comes just before a read is not seen during it.
            while not select.select([sys.stdin], [], [], 0.2)[0]:
                pass
        return sys.stdin.readline().strip()

    def _style(self, stream: TextIO) -> Style:
        terminal = stream.isatty()
        colour = wants_colour(self._colour, os.environ, terminal=terminal)
        if not terminal:
            # Long lines stay whole in a pipe, for grep and for logs.
            return Style(colour, named=self.named)
        return Style(colour, min(max(_width_of(stream), _NARROWEST), _WIDEST), self.named)


def _width_of(stream: TextIO) -> int:
    """Return how many columns the terminal behind *stream* has, whatever stdout is."""
    columns = os.environ.get("COLUMNS", "")
    if columns.isdecimal():
        return int(columns)
    try:
        return os.get_terminal_size(stream.fileno()).columns or _USUAL
    except OSError:
        return _USUAL
