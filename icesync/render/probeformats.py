"""What a probe saw, for programs and forges: JSON, JUnit and Markdown."""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING, Any, Final

from icesync.model.probe import SPEAKS_FROM_HERE, Gravity
from icesync.render.probe import server_words, told_mode, totals_of
from icesync.render.style import safe

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from icesync.model.probe import Certificate, ProbeReport, ProbeRow

__all__ = ["probe_document", "probe_junit", "probe_markdown"]

_TIME: Final = "%Y-%m-%dT%H:%M:%SZ"
_MARKDOWN: Final = re.compile(r"([\\`*_{}\[\]()#+!|~@])")


def probe_document(report: ProbeReport) -> dict[str, Any]:
    """Return *report* as plain data; keys stay as they are."""
    return {
        "kind": "icesync-probe",
        "format_version": "1.0",
        "note": SPEAKS_FROM_HERE,
        "made_at": report.made_at.strftime(_TIME),
        "elapsed_s": round(report.elapsed_s, 3),
        "logins": report.logins,
        "counts": {gravity.value: len(report.with_gravity(gravity)) for gravity in Gravity},
        "results": [_row(row, report.made_at) for row in report.rows],
        "domains": [
            {
                "domain": note.domain,
                "heuristic": note.text,
                "worrying": note.worrying,
                "addresses": [str(address) for address in note.addresses],
            }
            for note in report.domains
        ],
    }


def _row(row: ProbeRow, now: datetime) -> dict[str, Any]:
    target, result, position = row.target, row.result, row.position
    return {
        "address": str(row.address),
        "name": row.name,
        "file": position.file if position else None,
        "line": position.line if position else None,
        "protocol": target.protocol.value,
        "host": target.host,
        "port": target.port,
        "ip": result.ip or None,
        "username": target.username,
        "mode": (result.mode or target.mode).value,
        "mode_reason": target.reason,
        "result": result.kind.value,
        "gravity": row.gravity.value,
        "detail": result.detail,
        "hint": result.hint,
        "server": {"code": result.code, "text": result.text},
        "tls_version": result.tls_version or None,
        "cipher": result.cipher or None,
        "certificate": _certificate(result.certificate, now) if result.certificate else None,
        "mechanisms_offered": list(result.offered),
        "mechanism": result.mechanism or None,
        "senders": [check._asdict() for check in result.senders],
        "inbox_messages": result.inbox_messages,
        "notes": list(result.notes),
        "steps": [{"name": s.name.value, "elapsed_s": round(s.elapsed_s, 4)} for s in result.steps],
        "elapsed_s": round(result.elapsed_s, 3),
        "attempts": result.attempts,
        "shared_with": [str(address) for address in row.shared_with],
    }


def _certificate(certificate: Certificate, now: datetime) -> dict[str, Any]:
    return {
        "subject": certificate.subject,
        "issuer": certificate.issuer,
        "names": list(certificate.names),
        "not_before": certificate.not_before.strftime(_TIME),
        "not_after": certificate.not_after.strftime(_TIME),
        "days_left": certificate.days_left(now),
    }


def probe_junit(report: ProbeReport) -> str:
    """
    Return *report* as JUnit XML: a test case for each row.

    A row that only warns is a passed case that says so in its output: JUnit
    knows no warnings, and a firewalled runner must not turn a pipeline red.
    """
    counts = {gravity: len(report.with_gravity(gravity)) for gravity in Gravity}
    head = (
        f'tests="{len(report.rows)}" failures="{counts[Gravity.FAILED]}" errors="0" '
        f'skipped="{counts[Gravity.SKIPPED]}" time="{report.elapsed_s:.3f}"'
    )
    lines = ['<?xml version="1.0" encoding="UTF-8"?>', f'<testsuites name="icesync" {head}>']
    lines.append(
        f'  <testsuite name="icesync probe" {head} timestamp="{report.made_at:%Y-%m-%dT%H:%M:%S}">'
    )
    for row in report.rows:
        lines.extend(_case(row))
    lines += ["  </testsuite>", "</testsuites>"]
    return "\n".join(lines) + "\n"


def _case(row: ProbeRow) -> Iterator[str]:
    target = row.target
    place = ""
    if row.position is not None:
        place = f' file="{_xml(row.position.file)}" line="{row.position.line}"'
    yield (
        f'    <testcase classname="probe.{target.protocol}" '
        f'name="{_xml(f"{row.address} {target.protocol} {target.host}:{target.port}")}"{place} '
        f'time="{row.result.elapsed_s:.3f}">'
    )
    kind, detail = row.result.kind, row.result.detail
    told = _xml(f"{kind}: {detail}" if detail else kind)
    if row.gravity is Gravity.FAILED:
        yield f'      <failure type="{kind}" message="{told}">{_xml(_words(row))}</failure>'
    elif row.gravity is Gravity.SKIPPED:
        yield f'      <skipped message="{told}"/>'
    else:
        words = "\n".join(part for part in (told, _xml(_words(row))) if part)
        yield f"      <system-out>{words}</system-out>"
    yield "    </testcase>"


def _words(row: ProbeRow) -> str:
    """Return everything else that is known about *row*, a line each."""
    result = row.result
    parts = [f"mode: {told_mode(row)}"]
    parts += [f"the server: {server_words(row)}"] if result.code or result.text else []
    parts += [f"note: {note}" for note in result.notes]
    parts += [f"hint: {result.hint}"] if result.hint else []
    return "\n".join(parts)


def _xml(text: str) -> str:
    return "\n".join(html.escape(safe(line)) for line in text.split("\n"))


def probe_markdown(report: ProbeReport) -> str:
    """Return *report* as a Markdown table with what needs a word below it."""
    lines = [
        f"**Probe**: {totals_of(report)}; {SPEAKS_FROM_HERE}.",
        "",
        "| server | protocol | result | endpoint | mode | certificate ends |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    lines += [_line(row) for row in report.rows]
    told = [row for row in report.rows if row.gravity is not Gravity.PASSED or row.result.notes]
    lines += [""] if told else []
    lines += [item for row in told for item in _items(row)]
    if report.domains:
        lines += ["", "Domains of senders, judged by rules of thumb from DNS:", ""]
        lines += [f"- {_markdown(n.domain)}: {_markdown(n.text)}" for n in report.domains]
    return "\n".join(lines) + "\n"


def _line(row: ProbeRow) -> str:
    target, certificate = row.target, row.result.certificate
    result = row.result.kind.value.replace("_", r"\_")
    cells = (
        str(row.address),
        target.protocol,
        result if row.gravity in {Gravity.PASSED, Gravity.SKIPPED} else f"**{result}**",
        _markdown(f"{target.host}:{target.port}"),
        _markdown(told_mode(row)),
        f"{certificate.not_after:%Y-%m-%d}" if certificate else "",
    )
    return f"| {' | '.join(cells)} |"


def _items(row: ProbeRow) -> Iterator[str]:
    result = row.result
    detail = _markdown(result.detail or result.kind)
    yield f"- **{row.address} {row.target.protocol}**: {detail}"
    if result.code or result.text:
        yield f"  - the server: {_markdown(server_words(row))}"
    yield from (f"  - note: {_markdown(note)}" for note in result.notes)
    if result.hint:
        yield f"  - hint: {_markdown(result.hint)}"


def _markdown(text: str) -> str:
    """Return *text* as words only: no markup, no HTML, no mention, no link."""
    escaped = _MARKDOWN.sub(r"\\\1", safe(text))
    return html.escape(escaped, quote=False).replace("://", ":\u200b//")
