"""What the probe, plan and apply have in common: choose, ask, show."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from icesync.bootstrap.outside import open_domains, open_prober
from icesync.cli.scoping import whole
from icesync.engine.plan import PlanRequest
from icesync.engine.plan import plan as make_planning
from icesync.engine.probe import ProbeRequest, choose_probes, count_logins, look_at_domains
from icesync.engine.probe import probe as carry_out
from icesync.engine.secrets import SecretsMode
from icesync.model.plan import Selection
from icesync.model.probe import SPEAKS_FROM_HERE, ProbeReport
from icesync.model.project import Guard
from icesync.planner.probe import probe_refusals
from icesync.render.probe import render_probe

if TYPE_CHECKING:
    from pathlib import Path

    from icesync.bootstrap import Context
    from icesync.cli.console import Console
    from icesync.engine.plan import Planning

__all__ = ["guard_by_probe", "make_probe", "plan_for", "show_probe"]


def plan_for(context: Context, addresses: tuple[str, ...], allowed: tuple[str, ...]) -> Planning:
    """
    Return the plan of the servers at *addresses*, of all without any.

    Whoever names a server means to show its password to the host that it names.
    """
    context = whole(context)
    named = tuple(f"{Guard.HOST_CHANGE}:{address}" for address in addresses)
    request = PlanRequest(
        Selection(addresses), SecretsMode.AUTO, (*allowed, *named), asked_by="ADDR"
    )
    return make_planning(context.project, context.store, context.providers, request)


def make_probe(
    context: Context,
    console: Console,
    planning: Planning,
    request: ProbeRequest,
    ca_file: Path | None = None,
    *,
    with_dns: bool = False,
) -> ProbeReport:
    """Return what a probe of *planning*'s servers saw; says once from where it speaks."""
    lookup = open_domains() if with_dns else None
    prober = open_prober(ca_file)
    probes = choose_probes(planning, request)
    logins = count_logins(probes, planning.resolution.values)
    if logins:
        told = "1 login" if logins == 1 else f"{logins} logins"
        console.talk(f"probing: {told}; no mail is sent")
        console.talk(f"note: {SPEAKS_FROM_HERE}")
    report = carry_out(planning, probes, prober, context.clock)
    return report if lookup is None else look_at_domains(report, probes, lookup)


def show_probe(console: Console, report: ProbeReport, format_name: str) -> None:
    """Write *report* to stdout."""
    if format_name == "text":
        console.data(render_probe(report, console.style))
        return
    from icesync.render.probeformats import probe_document, probe_junit, probe_markdown

    if format_name == "json":
        console.document(probe_document(report))
    else:
        console.data((probe_junit if format_name == "junit" else probe_markdown)(report))


def guard_by_probe(
    context: Context,
    console: Console,
    planning: Planning,
    allowed: tuple[str, ...],
    ca_file: Path | None,
    *,
    shown: bool,
) -> Planning:
    """
    Return *planning* with a refusal for each changed server that a mail server said no to.

    The probe itself is *shown* on stdout, or on stderr where stdout is for a document.
    """
    report = make_probe(context, console, planning, ProbeRequest(changed=True), ca_file)
    if report.rows and shown:
        console.data("\n" + render_probe(report, console.style))
    elif report.rows:
        console.talk(render_probe(report, console.talk_style).rstrip("\n"))
    return replace(planning, refusals=(*planning.refusals, *probe_refusals(report, allowed)))
