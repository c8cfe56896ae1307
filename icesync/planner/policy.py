"""Refuse too much change, and changes of a kind that needs a second look."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

from icesync.model.plan import Action, Plan, Refusal, ResourceChange
from icesync.model.project import Guard, Limit, LimitName

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from icesync.model.address import Address
    from icesync.model.fields import Setting

__all__ = ["ConfirmedHosts", "Policy", "check_policy", "disables", "guards_of"]


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


ConfirmedHosts: TypeAlias = "Mapping[tuple[Address, str], frozenset[Setting]]"
"""
By server and setting: the hosts that were given the secret so far that is about to be sent.

Which secret that is, by whatever reference, was found out before.
"""


def check_policy(
    plan: Plan, policy: Policy, fleet: int, known: ConfirmedHosts
) -> tuple[Refusal, ...]:
    """Return what *policy* refuses in *plan*; shares are of *fleet* servers."""
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


def _check_guards(plan: Plan, policy: Policy, known: ConfirmedHosts) -> list[Refusal]:
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


def guards_of(change: ResourceChange, known: ConfirmedHosts) -> tuple[Guard, ...]:
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


def _borrows(change: ResourceChange, known: ConfirmedHosts) -> bool:
    """
    Return whether a secret goes to a host that never got it.

    Whoever may add a server must not be able to read another one's password
    by naming its reference beside a host of their own.
    """
    after = change.after or {}
    return any(
        hosts is not None and after.get(_host_key(s.key)) not in hosts
        for s in change.secrets
        for hosts in [known.get((change.address, s.key))]
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
