from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from builders import (
    BILLING,
    SALES,
    SUPPORT,
    desired,
    entry,
    move,
    plan,
    removal,
    secret_record,
    server,
    snapshot,
)

from icesync.engine.plan_rules import confirmed_hosts
from icesync.engine.secret_resolution import Identities
from icesync.errors import UsageError
from icesync.model.desired import Address
from icesync.model.plan import Refusal
from icesync.model.project import Guard, Limit, LimitName
from icesync.planner.policy import (
    Policy,
    allowing,
    check_allowed,
    check_policy,
    is_allowed,
)

if TYPE_CHECKING:
    from icesync.model.desired import DesiredState
    from icesync.model.snapshot import Snapshot

NO_GUARDS: frozenset[Guard] = frozenset()
NOTHING = snapshot()
SMTP = {"smtp.password": "smtp"}
KNOWN = {"smtp.password": secret_record("smtp")}


def refused(
    wanted: DesiredState,
    before: Snapshot,
    limits: dict[LimitName, Limit] | None = None,
    guards: frozenset[Guard] = NO_GUARDS,
    allowed: tuple[str, ...] = (),
    fleet: int = 100,
) -> list[str]:
    """Return the arguments of ``--allow`` that would let the plan through."""
    made = plan(wanted, before)
    known = confirmed_hosts(made, before, values={}, key=None, identities=Identities({}))
    found = check_policy(made, Policy(limits or {}, guards, allowed), fleet, known)
    return [refusal.allow for refusal in found]


def changed_ports(count: int) -> tuple[DesiredState, Snapshot]:
    """Return files that update *count* servers."""
    addresses = [Address(59, skill) for skill in range(1, count + 1)]
    wanted = desired(*(server(address, smtp__port=465) for address in addresses))
    return wanted, snapshot({address: entry() for address in addresses})


def moved(**changed: object) -> tuple[DesiredState, Snapshot]:
    """Return files that move a server and change it."""
    wanted = desired(server(SALES, SMTP, **changed), moves=[move(SALES, SUPPORT)])  # type: ignore[arg-type]
    return wanted, snapshot({SUPPORT: entry(secrets=KNOWN)})


def test_move_counts_as_a_first_send() -> None:
    """It overwrites whatever ICE holds at the new address."""
    assert refused(*moved(), limits={LimitName.ADDS: Limit(count=0)}) == ["adds"]


@pytest.mark.parametrize(
    ("changed", "found"),
    [
        ({}, []),
        ({"smtp__port": 465}, []),
        ({"smtp__host": "elsewhere.test"}, ["host-change:59/664"]),
        ({"tls": False}, ["tls-off:59/664"]),
        ({"status": "Disabled"}, ["disabled:59/664"]),
        ({"spoofing__enabled": True}, ["spoofing-on:59/664"]),
    ],
    ids=str,
)
def test_guards_compare_a_move_with_the_old_address(
    changed: dict[str, object], found: list[str]
) -> None:
    """A move alone trips none; what changes on the way is looked at as in an update."""
    assert refused(*moved(**changed), guards=frozenset(Guard)) == found


@pytest.mark.parametrize(
    ("updates", "limit", "fleet", "found"),
    [
        (3, Limit(count=3), 100, []),
        (4, Limit(count=3), 100, ["updates"]),
        (30, Limit(share=0.3), 100, []),
        (31, Limit(share=0.3), 100, ["updates"]),
        (6, Limit(count=5, share=0.3), 100, ["updates"]),
        (31, Limit(count=50, share=0.3), 100, ["updates"]),
        (1, Limit(share=0.3), 1, []),
        (3, Limit(share=0.3), 3, []),
        (4, Limit(share=0.3), 10, ["updates"]),
        (1, Limit(count=0), 100, ["updates"]),
        (50, Limit(), 100, []),
    ],
    ids=["count kept", "count passed", "share kept", "share passed", "count is stricter",
         "share is stricter", "fleet of one", "small fleet", "ten servers",
         "none at all", "no limit"],
)  # fmt: skip
def test_limit_refuses_too_many_updates(
    updates: int, limit: Limit, fleet: int, found: list[str]
) -> None:
    """A plan at the limit passes, one above it does not; the stricter of two counts."""
    wanted, before = changed_ports(updates)

    assert refused(wanted, before, {LimitName.UPDATES: limit}, fleet=fleet) == found


def test_limit_says_how_many_and_how_few() -> None:
    """The sentence names the plan's count and the ceiling."""
    wanted, before = changed_ports(4)

    [found] = check_policy(
        plan(wanted, before), Policy({LimitName.UPDATES: Limit(count=3)}, ()), 100, {}
    )

    assert found == Refusal("updates", "updates: 4 planned, the limit is 3", "updates")


def test_limit_counts_adds() -> None:
    """First sends have a limit of their own."""
    wanted = desired(server(SUPPORT), server(SALES))

    assert refused(wanted, NOTHING, {LimitName.ADDS: Limit(count=1)}) == ["adds"]


@pytest.mark.parametrize(
    ("wanted", "before"),
    [
        (desired(removals=[removal()]), entry()),
        (desired(server(status="Disabled")), entry()),
        (desired(server(active=False)), entry()),
    ],
    ids=["removed", "status", "active"],
)
def test_limit_counts_every_way_to_disable(wanted: DesiredState, before: object) -> None:
    """A server that stops counts as disabled, by whichever setting."""
    known = snapshot({SUPPORT: before})  # type: ignore[dict-item]

    assert refused(wanted, known, {LimitName.DISABLES: Limit(count=0)}) == ["disables"]


def test_forgets_are_limited() -> None:
    """With an entry goes the memory of which host may have its passwords."""
    wanted = desired(removals=[removal(action="forget")])
    before = snapshot({SUPPORT: entry()})

    assert refused(wanted, before, {LimitName.FORGETS: Limit(count=1)}) == []
    assert refused(wanted, before, {LimitName.FORGETS: Limit(count=0)}) == ["forgets"]


@pytest.mark.parametrize(
    ("count", "limit", "first", "found"),
    [
        (21, Limit(count=20), False, ["adds"]),
        (21, Limit(count=20), True, []),
        (100, Limit(count=20), True, []),
        (101, Limit(count=20), True, ["adds"]),
        (3, Limit(count=2), True, ["adds"]),
    ],
)
def test_empty_state_takes_more_adds(
    count: int, limit: Limit, *, first: bool, found: list[str]
) -> None:
    """A first apply is not refused by the default, but a limit of one's own holds."""
    made = plan(desired(*(server(Address(59, n)) for n in range(1, count + 1))), NOTHING)
    policy = Policy({LimitName.ADDS: limit}, NO_GUARDS, first=first)

    assert [r.allow for r in check_policy(made, policy, count, {})] == found


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["host-chang"], "--allow host-chang"),
        (["all"], "unknown --allow"),
        (["*"], "unknown --allow"),
        ([""], "unknown --allow"),
        (["updates:59/663"], "updates cannot be limited to servers"),
        (["safeguards:59/*"], "safeguards cannot be limited to servers"),
        (["host-change:60/1"], "60/1"),
        (["host-change:"], "host-change"),
    ],
)
def test_word_that_allows_nothing_is_a_slip(words: list[str], told: str) -> None:
    """A rule that does not exist, or a pattern without a server, is not passed over."""
    with pytest.raises(UsageError, match=re.escape(told)):
        check_allowed(words, [SUPPORT])


def test_words_that_mean_something_pass() -> None:
    """Rules alone, and those about servers with an address or a pattern."""
    check_allowed(["adds", "safeguards", "host-change", "probe:59/663", "tls-off:59/*"], [SUPPORT])


@pytest.mark.parametrize(
    ("word", "allowed"),
    [
        ("host-change", True),
        ("host-change:59/663", True),
        ("host-change:59/*", True),
        ("host-change:*", True),
        ("host-change:60/*", False),
        ("tls-off:59/663", False),
        ("host-change:59/66", False),
    ],
)
def test_pattern_allows_what_it_matches(word: str, *, allowed: bool) -> None:
    """As in --target."""
    assert is_allowed([word], "host-change", SUPPORT) is allowed


def test_one_line_lets_all_through() -> None:
    """Few refusals are named one by one, many of an organization by a pattern."""
    few = [Refusal("adds", "m", "adds"), Refusal("tls-off", "m", "tls-off:59/1", Address(59, 1))]
    many = [Refusal("host-change", "m", f"host-change:59/{n}", Address(59, n)) for n in range(1, 9)]

    assert allowing(few) == "--allow adds --allow tls-off:59/1"
    assert allowing([*few, *many]).endswith("--allow host-change:59/*")


def test_guard_says_which_password_would_go_where() -> None:
    """The fact: setting, server, the new host and where it went until now."""
    wanted = desired(server(smtp__host="new.test", secrets=SMTP))
    made = plan(wanted, snapshot({SUPPORT: entry(secrets=KNOWN)}))
    known = confirmed_hosts(
        made,
        snapshot({SUPPORT: entry(secrets=KNOWN)}),
        values={},
        key=None,
        identities=Identities({}),
    )

    [refusal] = check_policy(made, Policy({}, frozenset({Guard.HOST_CHANGE})), 1, known)

    assert refusal.message.startswith(
        "smtp.password of 59/663 would go to new.test instead of smtp."
    )


@pytest.mark.parametrize("allowed", [("updates",), ("adds", "updates")])
def test_allowed_limit_is_lifted(allowed: tuple[str, ...]) -> None:
    """``--allow updates`` lets any number pass."""
    wanted, before = changed_ports(4)

    assert refused(wanted, before, {LimitName.UPDATES: Limit(count=3)}, allowed=allowed) == []


GUARDED = {
    Guard.TLS_OFF: ({"tls": False}, {}),
    Guard.SPOOFING_ON: ({"spoofing__enabled": True}, {}),
    Guard.DISABLED: ({"status": "Disabled"}, {}),
    Guard.HOST_CHANGE: ({"smtp__host": "smtp.elsewhere.test"}, {}),
}


@pytest.mark.parametrize("guard", Guard)
def test_guard_refuses_its_kind_of_change(guard: Guard) -> None:
    """Each guard finds its change, names the server, and no other guard fires with it."""
    after, before = GUARDED[guard]
    wanted, known = desired(server(**after)), snapshot({SUPPORT: entry(**before)})

    assert refused(wanted, known, guards=frozenset(Guard)) == [f"{guard}:59/663"]


@pytest.mark.parametrize("guard", Guard)
def test_guard_that_is_off_refuses_nothing(guard: Guard) -> None:
    """The configuration chooses its guards."""
    wanted = desired(server(**GUARDED[guard][0]))
    others = frozenset(Guard) - {guard}

    assert refused(wanted, snapshot({SUPPORT: entry()}), guards=others) == []


@pytest.mark.parametrize(
    ("allowed", "found"),
    [
        (("tls-off",), []),
        (("tls-off:59/663",), ["tls-off:59/664"]),
        (("tls-off:59/663", "tls-off:59/664"), []),
        (("disabled", "tls-off:70/1"), ["tls-off:59/663", "tls-off:59/664"]),
    ],
    ids=["all", "one", "both", "others"],
)
def test_guard_is_lifted_for_all_or_for_one(allowed: tuple[str, ...], found: list[str]) -> None:
    """``--allow RULE`` lifts it everywhere, ``--allow RULE:ADDR`` for one server."""
    wanted = desired(server(SUPPORT, tls=False), server(SALES, tls=False))
    before = snapshot({SUPPORT: entry(), SALES: entry()})

    assert refused(wanted, before, guards=frozenset(Guard), allowed=allowed) == found


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"tls": True, "ssl": False}, {"tls": False, "ssl": True}),
        ({"tls": False, "ssl": False}, {"tls": False, "ssl": False, "smtp__port": 25}),
        ({"tls": False}, {"tls": True}),
    ],
    ids=["ssl instead of tls", "never was on", "switched on"],
)
def test_encryption_that_stays_is_not_guarded(
    before: dict[str, bool], after: dict[str, bool]
) -> None:
    """Only losing all encryption is a change for the worse."""
    known = snapshot({SUPPORT: entry(**before)})

    assert refused(desired(server(**after)), known, guards=frozenset({Guard.TLS_OFF})) == []


def test_disabling_a_server_is_guarded() -> None:
    """Mail stops, however it is asked for."""
    found = refused(
        desired(removals=[removal()]), snapshot({SUPPORT: entry()}), guards=frozenset(Guard)
    )

    assert found == ["disabled:59/663"]


def test_host_that_is_taken_back_is_not_guarded() -> None:
    """Without a host no credential is presented anywhere."""
    before = snapshot({SUPPORT: entry(imap__host="imap.example.test")})

    assert refused(desired(server()), before, guards=frozenset(Guard)) == []


def test_first_send_is_not_guarded() -> None:
    """A new server changes nothing that was there."""
    wanted = desired(server(tls=False, spoofing__enabled=True, secrets=SMTP))

    assert refused(wanted, NOTHING, guards=frozenset(Guard)) == []


def test_new_server_cannot_borrow_a_password() -> None:
    """A reference that another server uses must not go to a host that never got it."""
    wanted = desired(server(), server(BILLING, smtp__host="smtp.thief.test", secrets=SMTP))
    before = snapshot({SUPPORT: entry(secrets=KNOWN)})

    assert refused(wanted, before, guards=frozenset(Guard)) == ["host-change:70/1"]


def test_password_may_be_shared_at_one_host() -> None:
    """Two servers with one password at one host show it to nobody new."""
    wanted = desired(server(secrets=SMTP), server(BILLING, secrets=SMTP))
    before = snapshot({SUPPORT: entry(secrets=KNOWN)})

    assert refused(wanted, before, guards=frozenset(Guard)) == []


def test_other_password_for_a_known_host_is_guarded() -> None:
    """An update that names another server's reference shows that password to its own host."""
    before = snapshot(
        {
            SUPPORT: entry(secrets=KNOWN),
            BILLING: entry(
                smtp__host="smtp.thief.test",
                secrets={"smtp.password": secret_record("own")},
            ),
        }
    )
    wanted = desired(
        server(secrets=SMTP), server(BILLING, smtp__host="smtp.thief.test", smtp__port=465,
                                     secrets=SMTP)
    )  # fmt: skip

    assert refused(wanted, before, guards=frozenset(Guard)) == ["host-change:70/1"]


def test_secret_of_a_server_without_a_host_is_known_nowhere() -> None:
    """A record without a host says nothing about where its password may go."""
    before = snapshot({SUPPORT: entry(smtp__host=None, secrets=KNOWN)})
    wanted = desired(server(smtp__host=None, secrets=SMTP), server(BILLING, secrets=SMTP))

    assert refused(wanted, before, guards=frozenset(Guard)) == []


def test_refusals_of_limits_stand_first() -> None:
    """One list, limits before guards, so that the shorter way out is read first."""
    wanted, before = changed_ports(2)
    more = desired(*wanted.servers.values(), server(tls=False))
    known = snapshot({**before.entries, SUPPORT: entry()})

    found = refused(
        more, known, {LimitName.UPDATES: Limit(count=1)}, guards=frozenset({Guard.TLS_OFF})
    )

    assert found == ["updates", "tls-off:59/663"]
