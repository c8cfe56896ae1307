"""
GitLab-managed state: the protocol of Terraform's ``http`` backend at GitLab's addresses.

Inside of a pipeline's job everything but the state's name is in the
environment (``CI_API_V4_URL``, ``CI_PROJECT_ID``, ``CI_JOB_TOKEN``); elsewhere
``state.project`` and a token are needed. Locking and writing want the role
Maintainer, reading Developer (GitLab's documentation), so plans never lock.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from icesync.errors import AccessError, ConfigInvalid
from icesync.stores.httpcalls import HttpEndpoint

if TYPE_CHECKING:
    from collections.abc import Mapping

    from icesync.model.project import StateSettings

_ADVICE: Final = (
    "reading needs the role Developer, locking and writing Maintainer",
    "a job's own token ends with its job",
)


def http_endpoint(state: StateSettings, environ: Mapping[str, str]) -> HttpEndpoint:
    """
    Return where *state* is kept, with the credentials of *environ*.

    They are ``ICESYNC_STATE_USERNAME`` and ``ICESYNC_STATE_PASSWORD``, or what
    Terraform calls ``TF_HTTP_USERNAME`` and ``TF_HTTP_PASSWORD``.

    Raises:
        ConfigInvalid: a preset lacks what only the environment can say.
        AccessError: a preset has no token.

    """
    if state.preset == "gitlab":
        return gitlab_endpoint(state, environ)
    return HttpEndpoint(
        state.address or "",
        state.lock_address,
        state.unlock_address,
        state.update_method,
        state.lock_method,
        state.unlock_method,
        _first(environ, "ICESYNC_STATE_USERNAME", "TF_HTTP_USERNAME"),
        _first(environ, "ICESYNC_STATE_PASSWORD", "TF_HTTP_PASSWORD"),
        ("ICESYNC_STATE_USERNAME and ICESYNC_STATE_PASSWORD hold the credentials",),
    )


def gitlab_endpoint(state: StateSettings, environ: Mapping[str, str]) -> HttpEndpoint:
    """
    Return where GitLab keeps the state that *state* names.

    Raises:
        ConfigInvalid: neither the settings nor the environment say which project.
        AccessError: there is no token.

    """
    api = environ.get("CI_API_V4_URL") or "https://gitlab.com/api/v4"
    project = state.project or environ.get("CI_PROJECT_ID")
    if not project:
        raise ConfigInvalid(
            "the preset `gitlab` does not know the project: this is no job of GitLab's",
            "project: 42   under `state:` names it, and GITLAB_TOKEN opens it",
        )
    address = f"{api}/projects/{quote(project, safe='')}/terraform/state/{quote(state.name or '')}"
    username, password = _credentials(environ)
    return HttpEndpoint(
        address, f"{address}/lock", f"{address}/lock", "POST", "POST", "DELETE",
        username, password, _ADVICE,
    )  # fmt: skip


def _credentials(environ: Mapping[str, str]) -> tuple[str, str]:
    password = _first(environ, "ICESYNC_STATE_PASSWORD", "TF_HTTP_PASSWORD")
    if password:
        username = _first(environ, "ICESYNC_STATE_USERNAME", "TF_HTTP_USERNAME")
        return username or "icesync", password
    if environ.get("CI_JOB_TOKEN"):
        return "gitlab-ci-token", environ["CI_JOB_TOKEN"]
    token = _first(environ, "ICESYNC_GITLAB_TOKEN", "GITLAB_TOKEN")
    if token:
        return "icesync", token
    raise AccessError(
        "the preset `gitlab` has no token",
        "in a job CI_JOB_TOKEN is one; elsewhere: export GITLAB_TOKEN=…, with the scope api",
    )


def _first(environ: Mapping[str, str], *names: str) -> str:
    return next((environ[name] for name in names if environ.get(name)), "")
