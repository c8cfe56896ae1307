"""What the probe, plan, apply and check have in common: choose the servers, and ask them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from icesync.bootstrap.adapters import open_domains, open_prober
from icesync.cli.scoping import whole
from icesync.engine.plan import PlanRequest
from icesync.engine.plan import plan as make_planning
from icesync.engine.probe import ProbeRequest, choose_probes, count_logins, look_at_domains
from icesync.engine.probe import probe as carry_out
from icesync.engine.secret_resolution import SecretsMode
from icesync.model.plan import Selection
from icesync.model.probe import SPEAKS_FROM_HERE
from icesync.model.project import Guard
from icesync.planner.probe import probe_refusals

if TYPE_CHECKING:
    from pathlib import Path

    from icesync.bootstrap import Context
    from icesync.cli.console import Console
    from icesync.cli.output import Output
    from icesync.engine.plan import Planning
    from icesync.model.probe import ProbeReport

__all__ = ["guard_by_probe", "look_at_mail", "make_probe", "plan_for"]


def plan_for(context: Context, addresses: tuple[str, ...], allowed: tuple[str, ...]) -> Planning:
    """
    Return the plan of the servers at *addresses*, of all without any.

    Whoever names a server means to show its password to the host that it names.
    """
    context = whole(context)
    named = tuple(f"{Guard.HOST_CHANGE}:{address}" for address in addresses)
    request = PlanRequest(
        Selection(addresses), SecretsMode.AUTO, (*allowed, *named), option_name="ADDR"
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


def guard_by_probe(
    context: Context,
    output: Output,
    planning: Planning,
    allowed: tuple[str, ...],
    ca_file: Path | None,
) -> Planning:
    """Return *planning* with a refusal for each changed server that a mail server said no to."""
    report = make_probe(context, output.console, planning, ProbeRequest(changed=True), ca_file)
    refusals = (*planning.refusals, *probe_refusals(report, allowed))
    output.probed(report, refusals)
    return replace(planning, refusals=refusals)


def look_at_mail(
    context: Context, output: Output, planning: Planning, ca_file: Path | None
) -> ProbeReport:
    """Return what the mail servers of the whole fleet said; whether it changes or not."""
    report = make_probe(context, output.console, planning, ProbeRequest(), ca_file)
    output.probed(report, planning.refusals)
    return report
