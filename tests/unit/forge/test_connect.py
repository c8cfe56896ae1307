from __future__ import annotations

from dataclasses import replace

import pytest

from icesync.errors import AccessError, ForgeReadOnly
from icesync.forge.connect import find_token
from icesync.model.pipeline import Forge, Pipeline

GITHUB = Pipeline(Forge.GITHUB, api_url="https://api.github.com", project="acme/mail", number=7)
GITLAB = Pipeline(Forge.GITLAB, api_url="https://gitlab.com/api/v4", project="42", number=7)


@pytest.mark.parametrize(
    ("place", "environ", "token"),
    [
        (GITHUB, {"GITHUB_TOKEN": "a"}, "a"),
        (GITHUB, {"GITHUB_TOKEN": "a", "ICESYNC_GITHUB_TOKEN": "b"}, "b"),
        (GITHUB, {"GITHUB_TOKEN": "a", "ICESYNC_GITHUB_TOKEN": ""}, "a"),
        (GITLAB, {"GITLAB_TOKEN": "a", "GITHUB_TOKEN": "c"}, "a"),
        (GITLAB, {"GITLAB_TOKEN": "a", "ICESYNC_GITLAB_TOKEN": "b"}, "b"),
    ],
)
def test_first_that_is_set(place: Pipeline, environ: dict[str, str], token: str) -> None:
    """Our own variable counts more than the usual one; empty is not set."""
    assert find_token(place, environ).reveal() == token


@pytest.mark.parametrize(
    ("place", "environ"),
    [
        (GITHUB, {}),
        (GITHUB, {"GITHUB_TOKEN": "", "GITLAB_TOKEN": "a"}),
        (GITLAB, {"CI_JOB_TOKEN": "a", "GITHUB_TOKEN": "b"}),
    ],
)
def test_none(place: Pipeline, environ: dict[str, str]) -> None:
    """The other forge's token is none, and neither is one that cannot write."""
    with pytest.raises(AccessError, match="no token for") as caught:
        find_token(place, environ)

    assert caught.value.exit_code == 4


def test_fork_is_given_none() -> None:
    """In the pipeline of a fork a token is not missing: it is kept from it."""
    fork = replace(GITLAB, foreign=True)

    with pytest.raises(ForgeReadOnly):
        find_token(fork, {})


@pytest.mark.parametrize(
    "text", ["canary-1\n", "canary-1 x", "canary-ü", "canary\x00", "\u200bcanary"]
)
def test_token_that_is_none(text: str) -> None:
    """What no header may hold is refused without being shown."""
    with pytest.raises(AccessError, match="token in GITHUB_TOKEN contains a") as caught:
        find_token(GITHUB, {"GITHUB_TOKEN": text})

    assert "canary" not in str(caught.value)
