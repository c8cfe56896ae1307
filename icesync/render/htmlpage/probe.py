"""The page of a probe, and the cards by which other pages tell what it saw."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from icesync.errors import counted
from icesync.model.probe import SPEAKS_FROM_HERE, ProbeReport, ProbeRow, ProbeSeverity
from icesync.render.htmlpage.charts import bar_of
from icesync.render.htmlpage.page import Alert, Block, Card, Item, Sheet, Status
from icesync.render.htmlpage.plan import alerts_of, facts_of
from icesync.render.probe import (
    COUNTED,
    SYMBOLS,
    loudest_first,
    mode_text,
    server_words,
    totals_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from icesync.model.report import CommandResult
    from icesync.render import RenderContext

_COLOURS: Final = {
    ProbeSeverity.PASSED: "applied",
    ProbeSeverity.WARNING: "uncertain",
    ProbeSeverity.FAILED: "failed",
    ProbeSeverity.SKIPPED: "skipped",
}


def probe_sheet(review: CommandResult, report: ProbeReport, view: RenderContext) -> Sheet:
    """Return the page of ``icesync probe``: every login, those that failed first."""
    tones = [
        Status(_COLOURS[severity], SYMBOLS[severity], word, count)
        for severity, word in COUNTED
        if (count := len(report.with_severity(severity)))
    ]
    servers = len({row.address for row in report.rows})
    groups = sorted({row.address.organization for row in report.rows})
    return Sheet(
        view=view,
        kind=review.command.value,
        headline=totals_of(report).partition(";")[0].capitalize(),
        subtitle=f"{counted(report.logins, 'login')} for {counted(servers, 'server')}.",
        facts=facts_of(None, view),
        alerts=[*alerts_of(review), *_domains(report)],
        tones=tones,
        bar=bar_of(tones),
        groups=[str(number) for number in groups],
        group_word="organization",
        cards_title="Mail servers",
        cards=probe_cards(report),
        nothing="Nothing to probe.",
        notes=(f"Note: {SPEAKS_FROM_HERE}.",),
    )


def _domains(report: ProbeReport) -> Iterator[Alert]:
    if report.domains:
        loud = any(note.worrying for note in report.domains)
        items = [Item(note.text, label=note.domain) for note in report.domains]
        title = "Sender domains in DNS (MX, SPF, DMARC)"
        yield Alert("warn" if loud else "calm", title, items)


def probe_cards(report: ProbeReport) -> list[Card]:
    """Return a card for each login of *report*, those that failed first."""
    return [_card(row, report.made_at) for row in loudest_first(report)]


def _card(row: ProbeRow, now: datetime) -> Card:
    key, result = _COLOURS[row.severity], row.result
    said = [f"the server: {server_words(row)}"] if result.code or result.text else []
    return Card(
        id=f"probe-{row.address}-{row.target.protocol}",
        kind=key,
        group=str(row.address.organization),
        tone=Status(key, SYMBOLS[row.severity], result.kind, 1),
        title=f"{row.address} {row.target.protocol}",
        sentence=result.detail or "logged in",
        name=row.name,
        place=row.position,
        blocks=tuple(_blocks(row, now)),
        detail="; ".join([*said, *result.notes]),
        hint=result.hint,
    )


def _blocks(row: ProbeRow, now: datetime) -> Iterator[Block]:
    yield Block("endpoint", tuple(_endpoint(row, now)))
    login = tuple(_login(row))
    if login:
        yield Block("login", login)


def _endpoint(row: ProbeRow, now: datetime) -> Iterator[tuple[str, str]]:
    result, certificate = row.result, row.result.certificate
    yield "host", f"{row.target.host}:{row.target.port}"
    yield "mode", mode_text(row)
    if result.tls_version:
        yield "encryption", result.tls_version
    if certificate is not None:
        days = certificate.days_left(now)
        left = f"in {counted(days, 'day')}" if days >= 0 else f"{counted(-days, 'day')} ago"
        yield "certificate", f"expires {certificate.not_after:%Y-%m-%d}, {left}"


def _login(row: ProbeRow) -> Iterator[tuple[str, str]]:
    result = row.result
    if result.mechanism:
        yield "mechanism", result.mechanism
    if row.shared_with:
        yield "shared", f"with {counted(len(row.shared_with), 'more server')}"
    if result.steps:
        yield "time", f"{result.elapsed_s:.2f} s"
        yield "steps", ", ".join(f"{step.name} {step.elapsed_s:.2f}" for step in result.steps)
