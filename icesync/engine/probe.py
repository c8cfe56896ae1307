"""
Use case: log in to the mail servers that the files want.

Waiting is most of the work, so it is done by threads: 16 at once, 2 for a host
(providers count connections), 1 for an account (a mailbox may be locked while
somebody looks at it). A login that several servers share is made once. A
rejected login is never tried again: accounts get locked for that. One that the
server could not decide about is tried once more after all others; and an endpoint
that two logins could not connect to is not tried for the rest.
"""

from __future__ import annotations

import secrets
from collections import Counter, deque
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import field, replace
from typing import TYPE_CHECKING, Final, TypeAlias

from icesync.codec.fingerprint import KEY_BYTES, FingerprintKey, secret_tag
from icesync.engine.secret_resolution import missing_secrets
from icesync.errors import ConfigInvalid, ProbeFailed, UsageError
from icesync.frozen import frozen, mutable
from icesync.model.desired import Address, DesiredState
from icesync.model.host import ascii_host
from icesync.model.presets import find_offer
from icesync.model.probe import ProbeKind, ProbeReport, ProbeResult, ProbeRow, ProbeSeverity
from icesync.model.project import Guard
from icesync.planner import check_patterns, is_selected, matches
from icesync.planner.probe import WantedProbe, judge, judge_domain, sender_domains, wanted_probes

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from icesync.engine.plan import Planning
    from icesync.model.probe import ProbeTarget
    from icesync.model.secret import SecretRef, SecretValue
    from icesync.model.snapshot import Snapshot
    from icesync.ports import Clock, DomainLookup, Prober

AT_ONCE: Final = 16
PER_HOST: Final = 2
RETRY_AFTER_S: Final = 5.0
"""How long a server that was busy has, at least, until it is asked again."""

ENOUGH_TRIES: Final = 2
"""So many logins without a connection are enough to know that there is none."""


@frozen
class ProbeRequest:
    """
    What to probe of the servers that a plan looked at.

    *changed*: only those that it changes. *unused*: also the way to collect
    mail that is not in use. *clear_text*: where a password may travel
    unencrypted, addresses or globs. *known_hosts*: a server is not probed whose
    password and host are both new, until *allowed* has ``host-change`` for it.
    """

    changed: bool = False
    unused: bool = False
    clear_text: tuple[str, ...] = ()
    known_hosts: bool = False
    allowed: tuple[str, ...] = ()


@mutable
class _Login:
    """One login, and all who want it."""

    target: ProbeTarget
    password: SecretValue
    wanted: list[WantedProbe] = field(default_factory=list)

    @property
    def account(self) -> tuple[str, str]:
        """Of which there may be one at a time."""
        return _host_of(self.target), self.target.username

    @property
    def endpoint(self) -> tuple[str, int]:
        """Where to connect to."""
        return _host_of(self.target), self.target.port


def choose_probes(planning: Planning, request: ProbeRequest) -> tuple[WantedProbe, ...]:
    """
    Return what to probe, sorted by address.

    A server whose credential would be shown to a new host is named and not
    probed until the guard is lifted: a probe would show it just as well.

    Raises:
        ConfigInvalid: a secret that is needed is not there.
        UsageError: secrets were not looked at; or *clear_text* means no server.

    """
    changed = {change.address for change in planning.plan.calls}
    fleet = planning.desired.servers
    selected = [a for a in sorted(fleet) if is_selected(a, planning.plan.selection)]
    check_patterns("--allow-cleartext", request.clear_text, selected)
    chosen = [
        probe
        for address in selected
        if not request.changed or address in changed
        for probe in wanted_probes(
            fleet[address],
            unused=request.unused,
            clear_text=matches(address, request.clear_text),
        )
    ]
    held = {r.address for r in planning.refusals if r.rule == Guard.HOST_CHANGE}
    unsent = "this password was never sent to this host"
    probes = tuple(_hold(probe, unsent) if probe.address in held else probe for probe in chosen)
    if request.known_hosts:
        known = _known_hosts(planning.stored.snapshot)
        probes = tuple(
            _hold(probe, f"icesync has never sent this password to {probe.target.host}")
            if _is_new(probe.target, known) and not _is_allowed(probe.address, request.allowed)
            else probe
            for probe in probes
        )
    _require_secrets(planning, probes)
    return probes


def _hold(probe: WantedProbe, reason: str) -> WantedProbe:
    hint = f"--allow {Guard.HOST_CHANGE}:{probe.address}"
    result = ProbeResult(ProbeKind.SKIPPED, f"skipped: {reason}", hint)
    return replace(probe, known=probe.known or result)


def _is_allowed(address: Address, allowed: Sequence[str]) -> bool:
    """Return whether one of *allowed* is ``host-change`` for *address*, or for all."""
    words = [word.partition(":") for word in allowed]
    patterns = tuple(pattern for rule, _, pattern in words if rule == Guard.HOST_CHANGE)
    return "" in patterns or matches(address, patterns)


def _known_hosts(snapshot: Snapshot) -> frozenset[str]:
    """Return the mail servers that the state knows, as DNS spells them."""
    hosts = {
        str(value)
        for entry in snapshot.entries.values()
        for key, value in entry.settings.items()
        if key.endswith(".host") and value is not None
    }
    return frozenset(_name_of(host) for host in hosts)


def _is_new(target: ProbeTarget, known: Collection[str]) -> bool:
    """Return whether neither the state nor a preset knows the host of *target*."""
    name = _host_of(target)
    found = find_offer(target.protocol, name)
    return name not in known and (found is None or found[1] is None)


def _require_secrets(planning: Planning, probes: Sequence[WantedProbe]) -> None:
    needed: dict[Address, dict[str, SecretRef]] = {}
    for probe in probes:
        if probe.known is None and probe.secret is not None:
            key = f"{probe.target.protocol}.password"
            needed.setdefault(probe.address, {})[key] = probe.secret
    servers = {
        address: replace(planning.desired.servers[address], secrets=secrets)
        for address, secrets in needed.items()
    }
    missing = missing_secrets(DesiredState(servers), planning.resolution)
    if missing:
        raise ConfigInvalid(_NO_PASSWORDS, diagnostics=missing)
    values = planning.resolution.values
    if any(reference.text not in values for s in needed.values() for reference in s.values()):
        raise UsageError(_NO_PASSWORDS, "omit `--secrets skip`")


_NO_PASSWORDS: Final = "a probe cannot log in without the passwords"


def count_logins(probes: Sequence[WantedProbe], values: Mapping[str, SecretValue]) -> int:
    """Return how many logins *probes* come to, those that are shared counted once."""
    return len(_gather(probes, values))


def probe(
    planning: Planning, probes: Sequence[WantedProbe], prober: Prober, clock: Clock
) -> ProbeReport:
    """Return what *prober* saw of each of *probes*, sorted by address and protocol."""
    began = clock.monotonic()
    logins = _gather(probes, planning.resolution.values)
    rows = [_row(planning, p, p.known) for p in probes if p.known is not None]
    for login, result in _carry_out(logins, prober, clock):
        addresses = sorted({wanted.address for wanted in login.wanted})
        for wanted in login.wanted:
            judged = judge(result, wanted.target.senders, clock.now())
            others = tuple(a for a in addresses if a != wanted.address)
            rows.append(replace(_row(planning, wanted, judged), shared_with=others))
    rows.sort(key=lambda row: (row.address, _ORDER[row.target.protocol]))
    return ProbeReport(tuple(rows), clock.now(), len(logins), clock.monotonic() - began)


_ORDER: Final = {"smtp": 0, "pop3": 1, "imap": 2}


def look_at_domains(
    report: ProbeReport, probes: Sequence[WantedProbe], lookup: DomainLookup
) -> ProbeReport:
    """Return *report* with what the DNS says about the domains that mail is sent from."""
    notes = [
        note
        for sender in sender_domains(probes)
        for note in judge_domain(sender, lookup.look(sender.domain))
    ]
    return replace(report, domains=tuple(notes))


def failure_of(report: ProbeReport, *, strict: bool = False) -> ProbeFailed | None:
    """Return the error that *report* ends a command with; *strict* counts warnings too."""
    failed = len(report.with_severity(ProbeSeverity.FAILED))
    unsure = len(report.with_severity(ProbeSeverity.WARNING)) if strict else 0
    if not failed + unsure:
        return None
    message = f"{failed + unsure} of {len(report.rows)} probes failed"
    return ProbeFailed(message, "run `icesync probe ADDR` to test one server again")


def _row(planning: Planning, wanted: WantedProbe, result: ProbeResult) -> ProbeRow:
    server = planning.desired.servers[wanted.address]
    key = _blamed(wanted, result)
    if key not in server.settings and key not in server.secrets:
        key = f"{wanted.target.protocol}.host"
    position = server.origin.position(key)
    return ProbeRow(wanted.address, wanted.target, result, server.name, position)


def _blamed(wanted: WantedProbe, result: ProbeResult) -> str:
    """Return the setting that *result* is about, so that a report leads to its line."""
    block = wanted.target.protocol
    if result.kind is ProbeKind.SKIPPED and not result.hint:
        return "status"
    if result.kind is ProbeKind.OK_SENDER_REFUSED:
        refused = [check.sender for check in result.senders if check.accepted is False]
        return f"{block}.mailbox" if refused[0] == wanted.target.senders[0] else "spoofing.address"
    if result.kind in _ABOUT_PASSWORDS:
        return f"{block}.password"
    if result.kind in {ProbeKind.TLS_WRONG_MODE, ProbeKind.NO_STARTTLS, ProbeKind.REFUSED}:
        return f"{block}.port"
    return f"{block}.host"


_ABOUT_PASSWORDS: Final = frozenset(
    {ProbeKind.AUTH_REJECTED, ProbeKind.AUTH_DISABLED, ProbeKind.AUTH_UNANSWERED}
)


def _gather(probes: Sequence[WantedProbe], values: Mapping[str, SecretValue]) -> list[_Login]:
    """Return the logins to make: same endpoint, mode, user and password are one."""
    # A key of this run tells equal passwords without opening one.
    key = FingerprintKey(secrets.token_bytes(KEY_BYTES))
    logins: dict[tuple[object, ...], _Login] = {}
    for wanted in probes:
        if wanted.known is not None or wanted.secret is None:
            continue
        target, password = wanted.target, values[wanted.secret.text]
        tag = secret_tag(key, _NOWHERE, "probe", password)
        same = replace(target, host=_host_of(target), reason="", senders=())
        login = logins.setdefault((same, tag), _Login(target, password))
        senders = dict.fromkeys((*login.target.senders, *target.senders))
        login.target = replace(login.target, senders=tuple(senders))
        login.wanted.append(wanted)
    return list(logins.values())


_NOWHERE: Final = Address(0, 0)


def _host_of(target: ProbeTarget) -> str:
    """Return the host of *target* in the spelling that DNS has for it."""
    return _name_of(target.host)


def _name_of(host: str) -> str:
    try:
        return ascii_host(host)
    except ValueError:
        return host.lower()


class _Turns:
    """
    Hands out logins in their order, as the limits of hosts and accounts allow.

    Also keeps in mind which endpoints cannot be connected to.
    """

    def __init__(self, logins: Sequence[_Login]) -> None:
        self._waiting: dict[str, deque[_Login]] = {}
        for login in logins:
            self._waiting.setdefault(login.account[0], deque()).append(login)
        self._busy_hosts: Counter[str] = Counter()
        self._busy_accounts: set[tuple[str, str]] = set()
        self._dead_ends: Counter[tuple[str, int]] = Counter()

    def take(self) -> _Login | None:
        """Return a login that may begin now, or None."""
        for host, queue in self._waiting.items():
            if self._busy_hosts[host] >= PER_HOST:
                continue
            login = next((x for x in queue if x.account not in self._busy_accounts), None)
            if login is None:
                continue
            queue.remove(login)
            if not queue:
                del self._waiting[host]
            self._busy_hosts[host] += 1
            self._busy_accounts.add(login.account)
            return login
        return None

    def release(self, login: _Login) -> None:
        """Let others to the host and the account of *login*."""
        self._busy_hosts[login.account[0]] -= 1
        self._busy_accounts.discard(login.account)

    def give_up(self, login: _Login, result: ProbeResult) -> list[_Login]:
        """Return the logins that need not be tried, as *login* and another did not connect."""
        endpoint = login.endpoint
        if result.ip or result.kind not in _NOT_CONNECTED:
            self._dead_ends.pop(endpoint, None)
            return []
        self._dead_ends[endpoint] += 1
        if self._dead_ends[endpoint] < ENOUGH_TRIES:
            return []
        queue = self._waiting.pop(endpoint[0], deque())
        others = deque(x for x in queue if x.endpoint != endpoint)
        if others:
            self._waiting[endpoint[0]] = others
        return [x for x in queue if x.endpoint == endpoint]


def _log_in(prober: Prober, login: _Login) -> ProbeResult:
    """Return what *prober* saw; whatever goes wrong at one server is a result of that server."""
    try:
        return prober.probe(login.target, login.password)
    except Exception as error:  # noqa: BLE001 - the other servers still want their answer
        # Only the name: the text of an unforeseen error may hold anything.
        detail = f"internal error while probing this server: {type(error).__name__}"
        return ProbeResult(ProbeKind.INTERNAL_ERROR, detail, "please report this as a bug")


_Running: TypeAlias = "dict[Future[ProbeResult], _Login]"


def _carry_out(
    logins: Sequence[_Login], prober: Prober, clock: Clock
) -> Iterator[tuple[_Login, ProbeResult]]:
    """Yield each login with its result as it comes; what may pass is tried again at the end."""
    later: dict[int, tuple[_Login, ProbeResult]] = {}
    for login, result in _round(logins, prober):
        if result.kind in _PASSING:
            later[id(login)] = login, result
        else:
            yield login, result
    if later:
        clock.sleep(RETRY_AFTER_S)
    for login, result in _round([login for login, _ in later.values()], prober):
        attempts = later[id(login)][1].attempts + result.attempts
        yield login, replace(result, attempts=attempts)
    prober.close()


_PASSING: Final = frozenset({ProbeKind.AUTH_TEMPORARY, ProbeKind.IN_USE})
_NOT_CONNECTED: Final = frozenset(
    {ProbeKind.DNS, ProbeKind.TIMEOUT, ProbeKind.REFUSED, ProbeKind.RESET}
)


def _round(logins: Sequence[_Login], prober: Prober) -> Iterator[tuple[_Login, ProbeResult]]:
    turns = _Turns(logins)
    running: _Running = {}
    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="probe") as pool:
        try:
            while True:
                while len(running) < AT_ONCE and (login := turns.take()) is not None:
                    running[pool.submit(_log_in, prober, login)] = login
                if not running:
                    return
                # In turns: a signal that comes just before a wait is not seen during it.
                done, _ = wait(running, 0.2, return_when=FIRST_COMPLETED)
                for future in done:
                    login, result = running.pop(future), future.result()
                    turns.release(login)
                    yield login, result
                    for other in turns.give_up(login, result):
                        yield other, _unasked(other, result)
        except BaseException:
            # Who leaves early, by a signal, does not wait for servers.
            prober.close()
            raise


def _unasked(login: _Login, result: ProbeResult) -> ProbeResult:
    """Return what *result* means for *login*, which was not tried."""
    endpoint = f"{login.target.host}:{login.target.port}"
    detail = f"skipped: other logins could not connect to {endpoint} ({result.detail})"
    return ProbeResult(result.kind, detail, result.hint, attempts=0)
