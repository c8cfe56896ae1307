"""Refuse too much change, and changes of a kind that needs a second look."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

from icesync.model.plan import Action, Plan, Refusal, ResourceChange
from icesync.model.project import Guard, Limit, LimitName

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from icesync.model.address import Address
    from icesync.model.desired import DesiredServer
    from icesync.model.fields import Setting
    from icesync.model.snapshot import Snapshot

__all__ = ["Policy", "check_policy", "disables", "guards_of", "presented"]


@dataclass(frozen=True, slots=True)
class Policy:
    """
    What a run may change.

    *allowed* lifts a limit (``adds``) or a guard (``host-change``), for one
    server with ``:ADDRESS`` behind it.
    """

    limits: Mapping[LimitName, Limit]
    guards: Collection[Guard]
    allowed: Collection[str] = ()

    def allows(self, rule: str, address: Address | None = None) -> bool:
        """Return whether ``--allow`` names *rule*, for all servers or for *address*."""
        return rule in self.allowed or f"{rule}:{address}" in self.allowed


Presented: TypeAlias = "Mapping[str, frozenset[Setting]]"
"""The hosts that each secret reference was acknowledged for."""


def presented(snapshot: Snapshot, elsewhere: Iterable[DesiredServer] = ()) -> Presented:
    """
    Return to which hosts ICE already presents the secret behind each reference.

    *elsewhere* are servers whose entries are in no snapshot of this run: what the
    files say of them stands in, and their own run holds it to its snapshot.
    """
    known: dict[str, set[Setting]] = {}
    for server in elsewhere:
        for key, reference in server.secrets.items():
            host = server.settings.get(_host_key(key))
            if host is not None:
                known.setdefault(reference.text, set()).add(host)
    for entry in snapshot.entries.values():
        for key, record in entry.secrets.items():
            host = entry.settings.get(_host_key(key))
            if host is not None:
                known.setdefault(record.reference, set()).add(host)
    return {reference: frozenset(hosts) for reference, hosts in known.items()}


def check_policy(
    plan: Plan,
    policy: Policy,
    snapshot: Snapshot,
    fleet: int,
    elsewhere: Iterable[DesiredServer] = (),
) -> tuple[Refusal, ...]:
    """Return what *policy* refuses in *plan*; shares are of *fleet* servers."""
    known = presented(snapshot, elsewhere) if plan.calls else {}
    return (*_check_limits(plan, policy, fleet), *_check_guards(plan, policy, known))


def _check_limits(plan: Plan, policy: Policy, fleet: int) -> list[Refusal]:
    counts = {
        # A move, too, is the first send to an address.
        LimitName.ADDS: plan.count(Action.ADD) + plan.count(Action.MOVE),
        LimitName.UPDATES: plan.count(Action.UPDATE),
        LimitName.DISABLES: sum(disables(change) for change in plan.changes),
    }
    refusals = []
    for name, count in counts.items():
        limit = policy.limits.get(name)
        ceiling = limit.ceiling(fleet) if limit else None
        if ceiling is not None and count > ceiling and not policy.allows(name):
            message = f"{name}: {count} planned, the limit is {ceiling}"
            refusals.append(Refusal(name, message, name))
    return refusals


def _check_guards(plan: Plan, policy: Policy, known: Presented) -> list[Refusal]:
    return [
        Refusal(
            guard,
            f"{change.address}: {_SENTENCES[guard]}",
            f"{guard}:{change.address}",
            change.address,
        )
        for change in plan.changes
        for guard in guards_of(change, known)
        if guard in policy.guards and not policy.allows(guard, change.address)
    ]


def guards_of(change: ResourceChange, known: Presented) -> tuple[Guard, ...]:
    """Return the guards that *change* touches, whether or not they are switched on."""
    if change.action is not Action.DISABLE and not change.before:
        # Nothing is known that could be compared: only where secrets went until now counts.
        return (Guard.HOST_CHANGE,) if _borrows(change, known) else ()
    if change.action not in {Action.UPDATE, Action.MOVE, Action.DISABLE, Action.RESEND}:
        return ()
    touched = tuple(guard for guard, touches in _GUARDS.items() if touches(change))
    if Guard.HOST_CHANGE not in touched and _borrows(change, known):
        return (*touched, Guard.HOST_CHANGE)
    return touched


def _host_key(secret_key: str) -> str:
    return f"{secret_key.rpartition('.')[0]}.host"


def _borrows(change: ResourceChange, known: Presented) -> bool:
    """
    Return whether a secret goes to a host that never got it.

    Whoever may add a server must not be able to read another one's password
    by naming its reference beside a host of their own.
    """
    after = change.after or {}
    return any(
        s.reference in known and after.get(_host_key(s.key)) not in known[s.reference]
        for s in change.secrets
    )


def _encrypted(settings: Mapping[str, object] | None) -> bool:
    return bool(settings and (settings.get("ssl") or settings.get("tls")))


def _tls_off(change: ResourceChange) -> bool:
    return _encrypted(change.before) and not _encrypted(change.after)


def _spoofing_on(change: ResourceChange) -> bool:
    return any(f.key == "spoofing.enabled" and f.after is True for f in change.fields)


def disables(change: ResourceChange) -> bool:
    """Return whether *change* ends a server's mail: by ``removed:``, a status or a flag."""
    if change.action is Action.DISABLE:
        return True
    return change.action in {Action.UPDATE, Action.MOVE} and any(
        (f.key == "status" and f.after == "Disabled") or (f.key == "active" and f.after is False)
        for f in change.fields
    )


def _host_change(change: ResourceChange) -> bool:
    return any(f.key.endswith(".host") and f.after is not None for f in change.fields)


_Touches: TypeAlias = Callable[[ResourceChange], bool]

_GUARDS: Final[Mapping[Guard, _Touches]] = {
    Guard.TLS_OFF: _tls_off,
    Guard.SPOOFING_ON: _spoofing_on,
    Guard.DISABLED: disables,
    Guard.HOST_CHANGE: _host_change,
}

_SENTENCES: Final = {
    Guard.TLS_OFF: "encryption is switched off; passwords would travel in clear text",
    Guard.SPOOFING_ON: "spoofing is switched on",
    Guard.DISABLED: "the server is disabled; mail of this skill will stop",
    Guard.HOST_CHANGE: "a credential will be presented to a new host",
}
