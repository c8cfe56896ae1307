"""Refuse too much change, and changes of a kind that needs a second look."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

from icesync.model.plan import Action, Plan, ResourceChange
from icesync.model.project import Guard, Limit, LimitName

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from icesync.model.address import Address

__all__ = ["Policy", "Refusal", "check_policy", "guards_of"]


@dataclass(frozen=True, slots=True)
class Policy:
    """
    What a run may change.

    *allowed* lifts a limit (``adopts``) or a guard (``host-change``), for one
    server with ``:ADDRESS`` behind it.
    """

    limits: Mapping[LimitName, Limit]
    guards: Collection[Guard]
    allowed: Collection[str] = ()

    def allows(self, rule: str, address: Address | None = None) -> bool:
        """Return whether ``--allow`` names *rule*, for all servers or for *address*."""
        return rule in self.allowed or f"{rule}:{address}" in self.allowed


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a plan may not be applied; *allow* is the argument of ``--allow`` that lets it."""

    rule: str
    message: str
    allow: str
    address: Address | None = None


def check_policy(plan: Plan, policy: Policy, fleet: int) -> tuple[Refusal, ...]:
    """Return what *policy* refuses in *plan*; shares are of *fleet* servers."""
    return (*_check_limits(plan, policy, fleet), *_check_guards(plan, policy))


def _check_limits(plan: Plan, policy: Policy, fleet: int) -> list[Refusal]:
    counts = {
        LimitName.ADOPTS: plan.count(Action.ADOPT),
        LimitName.UPDATES: plan.count(Action.UPDATE),
        LimitName.DISABLES: sum(_disables(change) for change in plan.changes),
    }
    refusals = []
    for name, count in counts.items():
        limit = policy.limits.get(name)
        ceiling = limit.ceiling(fleet) if limit else None
        if ceiling is not None and count > ceiling and not policy.allows(name):
            message = f"{count} {name} are planned, the limit is {ceiling}"
            refusals.append(Refusal(name, message, name))
    return refusals


def _check_guards(plan: Plan, policy: Policy) -> list[Refusal]:
    return [
        Refusal(
            guard,
            f"{change.address}: {_SENTENCES[guard]}",
            f"{guard}:{change.address}",
            change.address,
        )
        for change in plan.changes
        for guard in guards_of(change)
        if guard in policy.guards and not policy.allows(guard, change.address)
    ]


def guards_of(change: ResourceChange) -> tuple[Guard, ...]:
    """Return the guards that *change* touches, whether or not they are switched on."""
    if change.action not in {Action.UPDATE, Action.DISABLE}:
        return ()
    return tuple(guard for guard, touches in _GUARDS.items() if touches(change))


def _encrypted(settings: Mapping[str, object] | None) -> bool:
    return bool(settings and (settings.get("ssl") or settings.get("tls")))


def _tls_off(change: ResourceChange) -> bool:
    return _encrypted(change.before) and not _encrypted(change.after)


def _spoofing_on(change: ResourceChange) -> bool:
    return any(f.key == "spoofing.enabled" and f.after is True for f in change.fields)


def _disables(change: ResourceChange) -> bool:
    if change.action is Action.DISABLE:
        return True
    return change.action is Action.UPDATE and any(
        (f.key == "status" and f.after == "Disabled") or (f.key == "active" and f.after is False)
        for f in change.fields
    )


def _host_change(change: ResourceChange) -> bool:
    return any(f.key.endswith(".host") and f.after is not None for f in change.fields)


_Touches: TypeAlias = Callable[[ResourceChange], bool]

_GUARDS: Final[Mapping[Guard, _Touches]] = {
    Guard.TLS_OFF: _tls_off,
    Guard.SPOOFING_ON: _spoofing_on,
    Guard.DISABLED: _disables,
    Guard.HOST_CHANGE: _host_change,
}

_SENTENCES: Final = {
    Guard.TLS_OFF: "encryption is switched off; passwords would travel in clear text",
    Guard.SPOOFING_ON: "spoofing is switched on",
    Guard.DISABLED: "the server is disabled; mail of this skill will stop",
    Guard.HOST_CHANGE: "a credential will be presented to a new host",
}
