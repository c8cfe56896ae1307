"""What a probe saw as Markdown: what failed stands first, and needs no scrolling."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from icesync.model.probe import SPEAKS_FROM_HERE, ProbeSeverity
from icesync.render.markdown_escape import cell, code, prose
from icesync.render.markdownplan import Detail, source
from icesync.render.probe import loudest_first, mode_text, server_words, totals_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from icesync.model.ci import Ci
    from icesync.model.probe import ProbeReport, ProbeRow


_LOUD: Final = frozenset({ProbeSeverity.FAILED, ProbeSeverity.WARNING})


def probe_part(report: ProbeReport, ci: Ci, detail: Detail) -> str:
    """Return *report*: all of it, what did not pass, that as a table only, or the counts."""
    rows = loudest_first(report)
    if detail is not Detail.FULL:
        rows = [row for row in rows if row.severity in _LOUD]
    parts = [f"\n**Probe**: {totals_of(report)}\n"]
    if detail is not Detail.COUNTS:
        parts.extend(_table(rows))
    if detail <= Detail.NAMES:
        noted = [r for r in rows if r.severity in _LOUD or r.result.notes or r.result.hint]
        parts += ["\n"] if noted else []
        parts += [line for row in noted for line in _items(row, ci, detail)]
        parts.extend(_domains(report))
    return "".join([*parts, f"\n<sub>Note: {SPEAKS_FROM_HERE}.</sub>\n"])


def _table(rows: Sequence[ProbeRow]) -> Iterator[str]:
    if rows:
        yield "\n| server | protocol | result | endpoint | mode | certificate expires |\n"
        yield "| --- | --- | --- | --- | --- | --- |\n"
    for row in rows:
        target, certificate = row.target, row.result.certificate
        weight = "**" if row.severity in _LOUD else ""
        cells = (
            code(str(row.address)),
            target.protocol,
            f"{weight}{code(row.result.kind)}{weight}",
            cell(f"{target.host}:{target.port}"),
            cell(mode_text(row)),
            f"{certificate.not_after:%Y-%m-%d}" if certificate else "",
        )
        yield f"| {' | '.join(cells)} |\n"


def _items(row: ProbeRow, ci: Ci, detail: Detail) -> Iterator[str]:
    """Yield what is to be said about *row*; the words of the server and hints in full only."""
    result = row.result
    place = f" · {source(row.position, ci)}" if row.position is not None else ""
    message = prose(result.detail) or result.kind
    yield f"- {code(str(row.address))} {row.target.protocol}: {message}{place}\n"
    if detail is not Detail.FULL:
        return
    if result.code or result.text:
        yield f"  - the server: {code(server_words(row))}\n"
    yield from (f"  - note: {prose(note)}\n" for note in result.notes)
    if result.hint:
        yield f"  - hint: {prose(result.hint)}\n"


def _domains(report: ProbeReport) -> Iterator[str]:
    if report.domains:
        yield "\nSender domains in DNS (MX, SPF, DMARC):\n\n"
    yield from (f"- {code(note.domain)}: {prose(note.text)}\n" for note in report.domains)
