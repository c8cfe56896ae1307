from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from icesync.model.project import (
    OPTIONS,
    Absent,
    Api,
    Backend,
    Guard,
    Limit,
    LimitName,
    Project,
    SecretScope,
    StateSettings,
    WireOptions,
)
from icesync.model.safety import (
    SAFEGUARDS,
    describe,
    loosened,
    profile_of,
    strictest,
    tightened,
)
from icesync.model.secret import parse_secret_ref

PROJECT = Project("/r", "icesync.yaml")
LIMITS = PROJECT.limits


def profile(lowered: dict[str, str] | None = None, **changes: Any) -> dict[str, Any]:
    """Return the profile of the default project with *changes*."""
    return dict(profile_of(replace(PROJECT, **changes), lowered or {}))


def limit(**values: Any) -> dict[LimitName, Limit]:
    """Return the limits with another one for updates."""
    return {**LIMITS, LimitName.UPDATES: Limit(**values)}


KEY = parse_secret_ref("ref+env://ICESYNC_FINGERPRINT_KEY")


@pytest.mark.parametrize(
    ("before", "after", "sentence"),
    [
        (
            {},
            {"guards": frozenset({Guard.TLS_OFF, Guard.SPOOFING_ON, Guard.DISABLED})},
            "`guards` no longer has host-change",
        ),
        ({}, {"limits": limit(share=0.5)}, "`limits.updates` rises from 30% to 50%"),
        ({}, {"limits": limit(count=9)}, "`limits.updates` rises from 30% to 9"),
        ({}, {"limits": limit()}, "`limits.updates` rises from 30% to no limit"),
        ({}, {"secrets": SecretScope(("ICE_*", "*"))}, "`secrets.env_allow` now allows *"),
        ({}, {"secrets": SecretScope(("CI_*",))}, "`secrets.env_allow` now allows CI_*"),
        (
            {},
            {"secrets": SecretScope(file_allow=("/**",))},
            "`secrets.file_allow` now allows /**",
        ),
        (
            {"secrets": SecretScope(file_allow=("a/**",))},
            {"secrets": SecretScope(file_allow=("a/../b/**",))},
            "`secrets.file_allow` now allows a/../b/**",
        ),
        ({}, {"secrets": SecretScope(providers=("own",))}, "`secrets.providers` now allows own"),
        ({}, {"lowered": {"ICE411": "off"}}, "`rules` lowers ICE411 to off"),
        (
            {"lowered": {"ICE411": "warning"}},
            {"lowered": {"ICE411": "info"}},
            "`rules` lowers ICE411 to info",
        ),
        ({}, {"api": Api("emulator")}, "`api.base_url` changes from https://www.enterice.com/"),
        ({}, {"api": Api(proxy="http://p")}, "`api.proxy` changes from nothing to http://p"),
        ({"api": Api(proxy="http://p")}, {}, "`api.proxy` changes from http://p to nothing"),
        ({}, {"api": Api(ca_file="/ca")}, "`api.ca_file` changes from nothing to /ca"),
        ({}, {"api": Api(wire=WireOptions(absent=Absent.NULL))}, "`api.wire.absent` changes"),
        ({}, {"state": StateSettings(path="other.json")}, "`state.path` changes from icesync"),
        (
            {"state": StateSettings(Backend.HTTP, address="https://a")},
            {"state": StateSettings(Backend.HTTP, address="https://b")},
            "`state.address` changes from https://a to https://b",
        ),
        ({"fingerprint_key": KEY}, {}, "`fingerprints.key` changes from"),
    ],
)
def test_what_is_looser(before: dict[str, Any], after: dict[str, Any], sentence: str) -> None:
    """Each kind of safeguard has one way to be loosened, and a sentence that names it."""
    [found] = loosened(profile(**before), profile(**after))

    assert found.sentence.startswith(sentence)
    assert found.path in SAFEGUARDS


@pytest.mark.parametrize(
    ("after", "sentence"),
    [
        ({"limits": limit(count=1, share=0.3)}, "`limits.updates` falls from 30% to 1 and 30%"),
        ({"limits": limit(share=0.1)}, "`limits.updates` falls from 30% to 10%"),
        (
            {"secrets": SecretScope(("ICE_A_*",))},
            "`secrets.env_allow` no longer allows ICESYNC_SECRET_*",
        ),
        (
            {"secrets": SecretScope(file_allow=("servers/**",))},
            "`secrets.file_allow` no longer allows **",
        ),
    ],
)
def test_what_is_stricter(after: dict[str, Any], sentence: str) -> None:
    """A tightening blocks nothing, and is said."""
    assert loosened(profile(), profile(**after)) == ()
    assert tightened(profile(), profile(**after))[0].sentence == sentence


def test_removed_guard_comes_back() -> None:
    """A guard that is switched on again, and a rule that is raised, are tightenings."""
    loose = profile({"ICE411": "off"}, guards=frozenset())

    assert [d.sentence for d in tightened(loose, profile())] == [
        "`guards` now has disabled",
        "`guards` now has host-change",
        "`guards` now has spoofing-on",
        "`guards` now has tls-off",
        "`rules` raises ICE411 to its default",
    ]


def test_what_the_job_sets_is_not_the_files() -> None:
    """An option that a variable of the job sets can be written as it likes."""
    by_job = profile_of(replace(PROJECT, api=Api(proxy="http://p")), {}, {"api.proxy"})

    assert loosened(profile(), by_job) == ()


def test_what_was_not_recorded_had_its_default() -> None:
    """A profile of an older icesync lacks newer options, and is not looser by that."""
    assert loosened({}, profile()) == ()
    assert loosened({}, profile(guards=frozenset())) != ()


def test_profile_is_described_in_lines() -> None:
    """A person can read what holds."""
    assert "guards disabled, host-change, spoofing-on, tls-off" in describe(profile())
    assert "rules ICE411 off" in describe(profile({"ICE411": "off"}))


PROFILES = st.builds(
    profile,
    st.dictionaries(st.sampled_from(["ICE304", "ICE411"]), st.sampled_from(["off", "info"])),
    guards=st.frozensets(st.sampled_from(list(Guard))),
    limits=st.builds(
        limit,
        count=st.none() | st.integers(0, 9),
        share=st.none() | st.sampled_from([0.0, 0.1, 0.3, 1.0]),
    ),
    secrets=st.builds(
        SecretScope,
        st.lists(st.sampled_from(["ICE_*", "ICE_A*", "*", "X"]), max_size=3).map(tuple),
        st.lists(st.sampled_from(["**", "a/**", "a/b", "/**"]), max_size=3).map(tuple),
    ),
    api=st.builds(Api, proxy=st.none() | st.sampled_from(["http://p", "http://q"])),
)


@given(PROFILES)
def test_nothing_is_looser_than_itself(one: dict[str, Any]) -> None:
    """Equal profiles differ in no respect."""
    assert loosened(one, one) == tightened(one, one) == ()


@given(PROFILES, PROFILES, PROFILES)
def test_looser_steps_hide_nothing(
    one: dict[str, Any], two: dict[str, Any], three: dict[str, Any]
) -> None:
    """If neither step is looser, both together are not: no way around by a detour."""
    if not loosened(one, two) and not loosened(two, three):
        assert loosened(one, three) == ()


@given(PROFILES, PROFILES)
def test_strictest_is_as_strict_as_each(one: dict[str, Any], two: dict[str, Any]) -> None:
    """What is no looser than the strictest of several is no looser than any, but for addresses."""
    united = strictest([one, two])

    assert united is not None
    for each in (one, two):
        paths = {d.path for d in loosened(each, united)}
        assert paths <= {"api.proxy"}


@pytest.mark.parametrize("option", ["update_method", "lock_method", "unlock_method"])
def test_how_the_state_is_written_is_a_safeguard(option: str) -> None:
    """A state that is deleted instead of stored remembers nothing."""
    path = f"state.{option}"
    before = {"state.backend": "http"}

    assert [d.path for d in loosened(before, {**before, path: "DELETE"})] == [path]
    assert loosened(before, {**before, path: OPTIONS[path].default}) == ()
