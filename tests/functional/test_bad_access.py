"""Nobody to act as: exit code 4, before anything was sent."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from background import BackgroundServer
from rig import Ice, Repository, assert_refused

from icesync.bootstrap import SystemClock
from icesync.emulator.service import Service

if TYPE_CHECKING:
    from icesync.emulator.storage import Storage


ASKED = "read -rs ICE_TOKEN && export ICE_TOKEN"


def test_expired_token(repository: Repository, ice: Ice) -> None:
    """A token that has ended is seen before the first call."""
    repository.calls(ice, token=ice.token(lives_s=-5))
    result = repository.run("apply", "-y")

    assert_refused(result, 4, "the token expired at ", hint=ASKED)
    assert ice.archive.calls(1) == ()


def test_token_that_ends_too_soon(repository: Repository, ice: Ice) -> None:
    """A token that would end during the run is refused before the run."""
    repository.calls(ice, token=ice.token(lives_s=20))

    assert_refused(repository.run("apply", "-y"), 4, "the token expires at ", hint=ASKED)


@pytest.mark.parametrize("token", ["not-a-token", "a.b.c", "eyJhbGciOiJIUzI1NiJ9..", "x" * 300])
def test_malformed_token(repository: Repository, ice: Ice, token: str) -> None:
    """What is no token is refused, and not shown."""
    repository.calls(ice, token=token)
    result = repository.run("apply", "-y")

    assert_refused(result, 4, "`api.token` is not a JWT", hint=ASKED)
    assert ice.archive.calls(1) == ()


@pytest.mark.parametrize("command", ["token", "check"])
def test_expired_token_is_told_by(command: str, repository: Repository, ice: Ice) -> None:
    """A schedule and a person learn of it without an apply."""
    repository.calls(ice, token=ice.token(lives_s=-5))

    assert_refused(repository.run(command), 4, "the token expired at ", hint=ASKED)


def test_check_needs_no_token(repository: Repository, ice: Ice) -> None:
    """The job of a schedule may have none: what is open is told all the same."""
    repository.calls(ice, token="")
    result = repository.run("check")

    assert result.code == 2, result.stderr
    assert "it was not checked when the token expires: variable ICE_TOKEN is empty" in result.stderr


def test_no_token_configured(repository: Repository, ice: Ice) -> None:
    """Without a token and a login there is nobody to act as."""
    repository.replace("icesync.yaml", "base_url: emulator", f"base_url: '{ice.url}'")
    result = repository.run("apply", "-y")

    assert_refused(
        result, 4, "sets neither `api.token` nor `api.login`", hint="ref+env://ICE_TOKEN"
    )


def test_token_variable_that_is_missing(repository: Repository, ice: Ice) -> None:
    """A token that is configured and not there is a missing secret."""
    repository.calls(ice, token="")
    del repository.environ["ICE_TOKEN"]

    assert_refused(repository.run("apply", "-y"), 3, "variable ICE_TOKEN is not set", hint="export")


@pytest.mark.parametrize("command", [["apply", "-y"], ["login"]], ids=["apply", "login"])
def test_login_refused(repository: Repository, archive: Storage, command: list[str]) -> None:
    """A refused login names the user, never the password, and nothing is sent."""
    service = Service(SystemClock(), archive, users={"robot": "another password"})
    with BackgroundServer(service) as server:
        ice = Ice(server.url, archive)
        result = repository.calls(ice).run(*command)

    assert_refused(
        result, 4, "ICE rejected the login of robot at organization 59", hint="api.login"
    )
    assert ice.skills == []


def test_token_that_ice_does_not_accept(repository: Repository, ice: Ice) -> None:
    """A forged token looks good from here; the answer of ICE is what counts."""
    header, claims, _ = ice.token().split(".")
    repository.calls(ice, token=f"{header}.{claims}.c2lnbmF0dXJl")
    result = repository.run("apply", "-y")

    assert result.code in {4, 7}
    assert repository.statuses == {}


def test_nothing_to_log_in_with(repository: Repository) -> None:
    """Login without its settings says which."""
    assert_refused(repository.run("login"), 4, "has no `api.login`", hint="init --go-live --login")


def test_no_token_to_look_at(repository: Repository) -> None:
    """Token without its setting says which."""
    assert_refused(repository.run("token"), 4, "has no `api.token`", hint="api.login")


def test_plan_needs_nobody(repository: Repository, ice: Ice) -> None:
    """A plan works with an expired token: it calls nobody."""
    repository.calls(ice, token=ice.token(lives_s=-5))

    assert repository.run("plan").code == 0
