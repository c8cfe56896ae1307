"""
What a probe saw, for people: totals, a table, then a paragraph for each row that needs one.

The result stands in front, where a narrow terminal still shows it; columns at
the end go first when there is no room for all. A symbol never stands without
its word.
"""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Final

from icesync.errors import listed
from icesync.model.probe import Certificate, ProbeReport, ProbeRow, ProbeSeverity
from icesync.render.style import Style, safe

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

_COLOURS: Final = {
    ProbeSeverity.PASSED: "green",
    ProbeSeverity.WARNING: "yellow",
    ProbeSeverity.FAILED: "red",
    ProbeSeverity.SKIPPED: "dim",
}

SYMBOLS: Final = {
    ProbeSeverity.PASSED: "+",
    ProbeSeverity.WARNING: "!",
    ProbeSeverity.FAILED: "x",
    ProbeSeverity.SKIPPED: ".",
}

COUNTED: Final = (
    (ProbeSeverity.PASSED, "ok"),
    (ProbeSeverity.FAILED, "failed"),
    (ProbeSeverity.WARNING, "could not be checked"),
    (ProbeSeverity.SKIPPED, "skipped"),
)

_HEAD: Final = ("server", "", "result", "endpoint", "mode", "login", "certificate", "tls", "time")

_MODE: Final = _HEAD.index("mode")

_MIN_COLUMNS: Final = _MODE
"""Server, protocol, result and endpoint are never dropped."""

_NAMED: Final = 5


def render_probe(report: ProbeReport, style: Style) -> str:
    """Return *report* as text."""
    lines = [f"{style.paint('Probe:', 'bold')} {_painted_totals(report, style)}."]
    if report.rows:
        lines += ["", *_table(report, style)]
    noted = [
        row for row in report.rows if row.severity is not ProbeSeverity.PASSED or row.result.notes
    ]
    for _, rows in groupby(noted, key=_fate):
        lines += ["", *_paragraph(list(rows), style)]
    if report.domains:
        lines += ["", *_domains(report, style)]
    return "\n".join(lines) + "\n"


def _fate(row: ProbeRow) -> tuple[object, ...]:
    """Return what rows of one server must share to stand in one paragraph."""
    result = row.result
    texts = (result.detail, result.code, result.text, result.notes, result.hint)
    return row.address, result.kind, texts


def totals_of(report: ProbeReport) -> str:
    """Return the counts of *report* in one line, such as ``3 ok, 1 failed``."""
    counts = [f"{n} {word}" for g, word in COUNTED if (n := len(report.with_severity(g)))]
    shared = len(report.rows) - len(report.with_severity(ProbeSeverity.SKIPPED))
    logins = "" if report.logins in {0, shared} else f"; {report.logins} logins"
    return (", ".join(counts) or "nothing to probe") + logins


def loudest_first(report: ProbeReport) -> list[ProbeRow]:
    """Return the rows of *report*, those that failed before all others."""
    return [row for severity in _LOUDEST for row in report.with_severity(severity)]


_LOUDEST: Final = (
    ProbeSeverity.FAILED,
    ProbeSeverity.WARNING,
    ProbeSeverity.PASSED,
    ProbeSeverity.SKIPPED,
)


def _painted_totals(report: ProbeReport, style: Style) -> str:
    text = totals_of(report)
    for severity, word in COUNTED:
        count = len(report.with_severity(severity))
        part = f"{count} {word}"
        if count:
            text = text.replace(part, style.paint(part, _COLOURS[severity]), 1)
    return text


def mode_text(row: ProbeRow) -> str:
    """Return when encryption began, or was to begin, and why: ``starttls (from port 587)``."""
    mode = row.result.mode or row.target.mode
    return f"{mode} ({row.target.reason})"


def _table(report: ProbeReport, style: Style) -> Iterator[str]:
    """Yield the head and a line for each row, as wide as the place allows."""
    texts = [_HEAD, *(_cells(row, report.made_at) for row in report.rows)]
    widths = _widths(texts)
    kept = _fitting(widths, style.width)
    if kept <= _MODE:
        # Where a mode does not fit with its reason it may without.
        texts = [
            (*cells[:_MODE], cells[_MODE].partition(" (")[0], *cells[_MODE + 1 :])
            for cells in texts
        ]
        widths = _widths(texts)
        kept = _fitting(widths, style.width)
    yield style.paint(f"  {_joined(_HEAD, widths, kept)}".rstrip(), "dim")
    for row, cells in zip(report.rows, texts[1:], strict=True):
        colour = _COLOURS[row.severity]
        symbol = style.paint(SYMBOLS[row.severity], colour, "bold")
        painted = list(_padded(cells, widths, kept))
        painted[2] = style.paint(cells[2], colour) + painted[2][len(cells[2]) :]
        yield f"{symbol} {'  '.join(painted)}".rstrip()


def _widths(texts: Sequence[Sequence[str]]) -> list[int]:
    return [max(len(cells[n]) for cells in texts) for n in range(len(_HEAD))]


def _fitting(widths: Sequence[int], width: int) -> int:
    """Return how many columns fit into *width*; 0 is no limit."""
    kept = len(widths)
    while width and kept > _MIN_COLUMNS and sum(widths[:kept]) + 2 * kept > width:
        kept -= 1
    return kept


def _padded(cells: Sequence[str], widths: Sequence[int], kept: int) -> Iterator[str]:
    return (f"{cell:<{width}}" for cell, width in zip(cells[:kept], widths, strict=False))


def _joined(cells: Sequence[str], widths: Sequence[int], kept: int) -> str:
    return "  ".join(_padded(cells, widths, kept))


def _cells(row: ProbeRow, now: datetime) -> tuple[str, ...]:
    target, result = row.target, row.result
    certificate = result.certificate
    return (
        str(row.address),
        target.protocol,
        result.kind,
        safe(f"{target.host}:{target.port}"),
        safe(mode_text(row)),
        safe(result.mechanism) or "-",
        _days_left(certificate, now) if certificate else "-",
        safe(result.tls_version.removeprefix("TLSv")) or "-",
        f"{result.elapsed_s:.2f} s" if result.steps else "-",
    )


def _days_left(certificate: Certificate, now: datetime) -> str:
    if certificate.not_after < now:
        return "expired"
    days = certificate.days_left(now)
    return f"{days} day{'' if days == 1 else 's'}"


def _paragraph(rows: Sequence[ProbeRow], style: Style) -> Iterator[str]:
    """Yield what is to be said about rows of one fate: who, what, the server's words, a hint."""
    row, result = rows[0], rows[0].result
    head = style.paint(f"{row.address} {', '.join(r.target.protocol for r in rows)}", "bold")
    kind = style.paint(result.kind, _COLOURS[row.severity])
    place = ""
    if row.position is not None:
        place = "  " + style.paint(style.place(row.position), "dim")
    yield f"{head} {kind}{': ' if result.detail else ''}{safe(result.detail)}{place}"
    if result.text or result.code:
        yield f"    {style.paint('the server:', 'dim')} {server_words(row)}"
    yield from (f"    note: {safe(note)}" for note in result.notes)
    if row.shared_with and row.severity is not ProbeSeverity.PASSED:
        yield f"    the same login: {_named(row)}"
    if result.hint:
        yield f"    {style.paint('hint:', 'cyan')} {safe(result.hint)}"


def server_words(row: ProbeRow) -> str:
    """Return what the server said, made safe; its code is not repeated."""
    code, text = row.result.code, row.result.text
    enhanced = code.rpartition(" ")[2]
    if enhanced and text.startswith((f"[{enhanced}", enhanced)):
        code = code.removesuffix(enhanced).strip()
    return safe(f"{code} {text}".strip())


def _named(row: ProbeRow) -> str:
    return listed([str(address) for address in row.shared_with], _NAMED)


def _domains(report: ProbeReport, style: Style) -> Iterator[str]:
    yield style.paint("Sender domains in DNS (MX, SPF, DMARC):", "bold")
    for note in report.domains:
        symbol, colour = ("!", "yellow") if note.worrying else ("+", "green")
        yield f"{style.paint(symbol, colour, 'bold')} {safe(note.domain)}: {safe(note.text)}"
