"""Use case: probe mail servers, on their own or as a guard of a plan."""

from __future__ import annotations

from dataclasses import field, replace
from typing import TYPE_CHECKING, Final

from icesync.engine import probe as logins
from icesync.engine.plan import MailProbe, Planning, PlanRequest, compare_fleet
from icesync.engine.session import SILENT, Probed, Session, View
from icesync.engine.validate import Scope, read_fleet
from icesync.frozen import frozen
from icesync.model.desired import is_address_pattern
from icesync.model.probe import SPEAKS_FROM_HERE, ProbeReport
from icesync.model.project import Guard
from icesync.model.report import Note
from icesync.planner.probe import probe_refusals

if TYPE_CHECKING:
    from icesync.ports import Prober


@frozen
class ProbeCommand:
    """
    What a probe is asked for: the servers that *words* choose, all without any.

    *words* are addresses, files and folders. *allowed* are the arguments of
    ``--allow``; whoever names a server by its address means to show its password to
    the host that it names. *domains* asks the DNS about senders.
    *strict* fails for servers that could not be reached, too. *timeout_s* bounds
    the probe of one server.
    """

    words: tuple[str, ...] = ()
    allowed: tuple[str, ...] = ()
    chosen: logins.ProbeRequest = field(default_factory=logins.ProbeRequest)
    ca_file: str | None = None
    domains: bool = False
    strict: bool = False
    timeout_s: float | None = None


_EVERYTHING: Final = ProbeCommand()


def probe(
    session: Session, request: ProbeCommand = _EVERYTHING, view: View = SILENT
) -> ProbeReport:
    """
    Log in to the mail servers that the files want, and return what they answered.

    Raises:
        ConfigError: the files are wrong, or a password is missing.
        ProbeFailed: a mail server rejected a login; the report was shown before.

    """
    named = tuple(
        f"{Guard.HOST_CHANGE}:{word}" for word in request.words if is_address_pattern(word)
    )
    scope = Scope(words=request.words)
    wanted = PlanRequest(scope, allowed=(*request.allowed, *named))
    planning = compare_fleet(session, read_fleet(session, scope), wanted, view)
    prober = session.mail.prober(request.ca_file, request.timeout_s)
    chosen = replace(
        request.chosen,
        known_hosts=session.caller.is_unreviewed(),
        allowed=(*request.allowed, *named),
    )
    report = _ask(session, planning, chosen, prober, view, request.domains)
    view.show(Probed(report))
    failure = logins.failure_of(report, strict=request.strict)
    if failure is not None:
        raise failure
    return report


def guard_by_probe(
    session: Session,
    planning: Planning,
    request: PlanRequest,
    view: View,
    *,
    known_hosts: bool = False,
) -> Planning:
    """
    Return *planning* with a refusal for each changed server whose probe failed.

    With *known_hosts*, where nobody has approved the change yet, a new password goes
    only to hosts that are known, or that the job names.
    """
    ca_file = request.probe.ca_file if request.probe is not None else None
    chosen = logins.ProbeRequest(
        changed=True, known_hosts=known_hosts, allowed=tuple(request.allowed)
    )
    report = _ask(session, planning, chosen, session.mail.prober(ca_file), view)
    refusals = (*planning.refusals, *probe_refusals(report, request.allowed))
    view.show(Probed(report, refusals))
    return replace(planning, refusals=refusals)


def probe_all(session: Session, planning: Planning, wanted: MailProbe, view: View) -> ProbeReport:
    """Return what the mail servers of the whole fleet answered, whether it changes or not."""
    prober = session.mail.prober(wanted.ca_file)
    report = _ask(session, planning, logins.ProbeRequest(), prober, view)
    view.show(Probed(report, planning.refusals))
    return report


def _ask(
    session: Session,
    planning: Planning,
    request: logins.ProbeRequest,
    prober: Prober,
    view: View,
    with_domains: bool = False,
) -> ProbeReport:
    """Return what a probe of *planning*'s servers saw; says once from where it speaks."""
    lookup = session.mail.domains() if with_domains else None
    probes = logins.choose_probes(planning, request)
    count = logins.count_logins(probes, planning.resolution.values)
    if count:
        noun = "1 login" if count == 1 else f"{count} logins"
        view.notify(Note(f"probing: {noun}; no mail is sent"))
        view.notify(Note(SPEAKS_FROM_HERE))
    report = logins.probe(planning, probes, prober, session.clock)
    return report if lookup is None else logins.look_at_domains(report, probes, lookup)
