"""A run is held to the safety profile of the last apply."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from builders import SUPPORT, entry, snapshot

from icesync.diagnostics import SourcePosition
from icesync.engine.plan_rules import check_safeguards
from icesync.model.project import Guard, Login, Project, SecretScope
from icesync.model.safety import profile_of
from icesync.model.secret import parse_secret_ref
from icesync.model.snapshot import Snapshot

BASE = Project("/r", "icesync.yaml", positions={"guards": SourcePosition("icesync.yaml", 7, 9)})
SAFETY = profile_of(BASE, {})
STATE = Snapshot("https://ice.test", 1, "l", safety=SAFETY)


class Narrowing(dict):  # type: ignore[type-arg]
    """Providers that note to what they were narrowed."""

    def narrowed(self, *lists: tuple[str, ...]) -> Narrowing:
        """Return providers that hold the lists."""
        return Narrowing(lists=lists)


def loosen(**changes: object) -> Project:
    """Return the project with *changes*, and their profile."""
    project = replace(BASE, **changes)  # type: ignore[arg-type]
    return replace(project, safety=profile_of(project, {}))


def test_looser_guard_is_refused_at_its_line() -> None:
    """The refusal names the line, and only the word for all of them lets it."""
    project = loosen(guards=frozenset({Guard.TLS_OFF, Guard.SPOOFING_ON, Guard.DISABLED}))

    [refusal] = check_safeguards(project, STATE, {}, ()).refusals

    assert refusal.rule == refusal.allow == "safeguards"
    assert refusal.message == (
        "icesync.yaml:7: `guards` no longer has host-change, looser than at the last apply"
    )
    assert check_safeguards(project, STATE, {}, ("safeguards",)).refusals == ()


TOKEN = parse_secret_ref("ref+env://ICE_TOKEN")
LOGIN = Login(999, "eve@example.test", parse_secret_ref("ref+file://p"))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ({"token": TOKEN}, {"login": LOGIN}, "`api.token` changes from ref+env://ICE_TOKEN"),
        ({"login": LOGIN}, {"login": replace(LOGIN, username="a@b.test")}, "`api.login.username`"),
        ({"login": LOGIN}, {}, "`api.login.password` changes from ref+file://p to nothing"),
        ({}, {"token": TOKEN}, ""),
        ({"token": TOKEN}, {"token": TOKEN}, ""),
    ],
)
def test_other_access_is_a_loosening(
    before: dict[str, Any], after: dict[str, Any], told: str
) -> None:
    """Whoever replaces token or login frees what they were, and sends as somebody else."""
    state = replace(STATE, safety=loosen(api=replace(BASE.api, **before)).safety)

    refusals = check_safeguards(loosen(api=replace(BASE.api, **after)), state, {}, ()).refusals

    assert told in " ".join(refusal.message for refusal in refusals)
    assert bool(refusals) is bool(told)


@pytest.mark.parametrize("allowed", ["safeguards:59/1", "safeguard", "host-change", "guards"])
def test_nothing_else_lets_it(allowed: str) -> None:
    """No pattern, address or other rule stands for the safeguards."""
    project = loosen(guards=frozenset())

    assert check_safeguards(project, STATE, {}, (allowed,)).refusals


def test_looser_lists_do_not_open_secrets_yet() -> None:
    """Until somebody allows them, the recorded lists hold too, and that is said."""
    project = loosen(secrets=SecretScope(("*",)))

    verdict = check_safeguards(project, STATE, Narrowing(), ())
    allowed = check_safeguards(project, STATE, Narrowing(), ("safeguards",))

    assert verdict.providers["lists"] == (  # type: ignore[comparison-overlap]
        tuple(SAFETY["secrets.env_allow"]), tuple(SAFETY["secrets.file_allow"]), ()
    )  # fmt: skip
    assert "lists of the last apply" in verdict.notes[-1]
    assert allowed.providers == {}


def test_guards_that_were_switched_off_hold_until_it_is_allowed() -> None:
    """The plan that switches a guard off is still held by it: its probe logs in nowhere new."""
    project = loosen(guards=frozenset())

    assert check_safeguards(project, STATE, {}, ()).guards == frozenset(Guard)
    assert check_safeguards(project, STATE, {}, ("safeguards",)).guards == frozenset()


def test_stricter_is_said_and_blocks_nothing() -> None:
    """A tightening is news."""
    verdict = check_safeguards(loosen(secrets=SecretScope(("ICE_A",))), STATE, {}, ())

    assert verdict.refusals == ()
    assert verdict.notes[0].startswith("stricter than at the last apply: `secrets.env_allow`")


def test_first_plan_says_what_will_hold() -> None:
    """Before there is a state, one line says so, the whole profile on request; then silence."""
    new = Snapshot("https://ice.test")
    [note] = check_safeguards(loosen(), new, {}, ()).notes
    [whole] = check_safeguards(loosen(), new, {}, (), every=True).notes

    assert note.startswith("the first apply records")
    assert "\n" not in note
    assert "  guards disabled, host-change, spoofing-on, tls-off\n" in whole
    assert check_safeguards(loosen(), snapshot({SUPPORT: entry()}), {}, ()).notes == ()
