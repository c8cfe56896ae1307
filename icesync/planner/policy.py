"""Refuse too much change, and changes of a kind that is blocked until somebody allows it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Final, TypeAlias

from icesync.errors import UsageError, listed, printable
from icesync.frozen import frozen
from icesync.model.plan import (
    ALLOWED_ALONE,
    ALLOWED_OF_SERVERS,
    Action,
    Plan,
    Refusal,
    ResourceChange,
)
from icesync.model.project import OPTIONS, Guard, Limit, LimitName
from icesync.model.snapshot import host_key
from icesync.planner import check_patterns, matches

if TYPE_CHECKING:
    from icesync.model.desired import Address
    from icesync.model.fields import Setting

FIRST_ADDS: Final = 100
"""So many servers may be added to an empty state, unless the configuration says its own limit."""


@frozen
class Policy:
    """
    What a run may change.

    *allowed* lifts a limit (``adds``) or a guard (``host-change``), that for some
    servers with a pattern behind it (``host-change:59/*``). *first* says that the
    state is empty.
    """

    limits: Mapping[LimitName, Limit]
    guards: Collection[Guard]
    allowed: Collection[str] = ()
    first: bool = False

    def ceiling(self, name: LimitName, fleet: int) -> int | None:
        """Return how many changes *name* counts up to, in a fleet of so many; None is any."""
        limit = self.limits.get(name)
        ceiling = limit.ceiling(fleet) if limit else None
        by_default = name is LimitName.ADDS and limit == OPTIONS[f"limits.{name}"].default
        return max(ceiling or 0, FIRST_ADDS) if self.first and by_default else ceiling


def is_allowed(allowed: Iterable[str], rule: str, address: Address | None = None) -> bool:
    """Return whether ``--allow`` names *rule*, for all servers or for *address*."""
    for word in allowed:
        name, colon, pattern = word.partition(":")
        if name == rule and (not colon or (address is not None and matches(address, (pattern,)))):
            return True
    return False


def check_allowed(allowed: Iterable[str], known: Collection[Address]) -> None:
    """
    Demand that each argument of ``--allow`` means something.

    Raises:
        UsageError: a word is unknown, or its pattern means none of the *known* servers.

    """
    for word in allowed:
        name, colon, pattern = word.partition(":")
        if name not in {*ALLOWED_ALONE, *ALLOWED_OF_SERVERS}:
            raise UsageError(
                f"unknown --allow {printable(word)}",
                f"one of: {', '.join((*ALLOWED_OF_SERVERS, *ALLOWED_ALONE))}; the first "
                f"{len(ALLOWED_OF_SERVERS)} with :ADDR or :59/* for some servers only",
            )
        if colon and name in ALLOWED_ALONE:
            raise UsageError(
                f"--allow {printable(word)}: {name} cannot be limited to servers",
                f"--allow {name}",
            )
        if colon:
            check_patterns(f"--allow {name}:", (pattern,), known)


def allowing(refusals: Iterable[Refusal]) -> str:
    """Return the arguments that let all of *refusals* through; many of a rule become one."""
    by_rule: dict[str, list[Refusal]] = {}
    for refusal in refusals:
        by_rule.setdefault(refusal.rule, []).append(refusal)
    return " ".join(f"--allow {word}" for found in by_rule.values() for word in _words(found))


_MAX_WORDS: Final = 5


def _words(refusals: list[Refusal]) -> Iterator[str]:
    words = dict.fromkeys(refusal.allow for refusal in refusals)
    if len(words) <= _MAX_WORDS:
        yield from words
        return
    organizations = {r.address.organization for r in refusals if r.address is not None}
    for organization in sorted(organizations):
        yield f"{refusals[0].rule}:{organization}/*"


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
        LimitName.FORGETS: plan.count(Action.FORGET),
    }
    refusals = []
    for name, count in counts.items():
        ceiling = policy.ceiling(name, fleet)
        if ceiling is not None and count > ceiling and not is_allowed(policy.allowed, name):
            message = f"{name}: {count} planned, the limit is {ceiling}"
            refusals.append(Refusal(name, message, name))
    return refusals


def _check_guards(plan: Plan, policy: Policy, known: ConfirmedHosts) -> list[Refusal]:
    return [
        Refusal(
            guard,
            _sentence(guard, change, known),
            f"{guard}:{change.address}",
            change.address,
        )
        for change in plan.changes
        for guard in guards_of(change, known)
        if guard in policy.guards and not is_allowed(policy.allowed, guard, change.address)
    ]


def _sentence(guard: Guard, change: ResourceChange, known: ConfirmedHosts) -> str:
    """Return the fact that *guard* stops: which password would go where, what would end."""
    if guard is not Guard.HOST_CHANGE:
        return f"{change.address}: {_SENTENCES[guard]}"
    before, after = change.before or {}, change.after or {}
    facts = []
    for secret in change.secrets:
        key = host_key(secret.key)
        new, old = after.get(key), before.get(key)
        hosts = known.get((change.address, secret.key)) or ({old} if old is not None else set())
        if new is not None and hosts and new not in hosts:
            names = sorted(str(host) for host in hosts)
            until_now = listed(names, len(names))
            facts.append(
                f"{secret.key} of {change.address} would go to {new} instead of {until_now}"
            )
    return "; ".join(facts) or f"{change.address}: {_SENTENCES[guard]}"


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


def _borrows(change: ResourceChange, known: ConfirmedHosts) -> bool:
    """
    Return whether a secret goes to a host that never got it.

    Whoever may add a server must not be able to read another one's password
    by naming its reference beside a host of their own.
    """
    after = change.after or {}
    return any(
        hosts is not None and after.get(host_key(s.key)) not in hosts
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
    Guard.TLS_OFF: "encryption is switched off; passwords would be sent unencrypted",
    Guard.SPOOFING_ON: "spoofing is switched on",
    Guard.DISABLED: "the server is disabled; mail of this skill will stop",
    Guard.HOST_CHANGE: "a password would go to another host than before",
}
