"""
GitLab-managed state: the protocol of Terraform's ``http`` backend at GitLab's addresses.

Inside of a pipeline's job everything but the state's name is in the
environment (``CI_API_V4_URL``, ``CI_PROJECT_ID``, ``CI_JOB_TOKEN``); elsewhere
``state.project`` and a token are needed. Locking and writing want the role
Maintainer, reading Developer (GitLab's documentation), so plans never lock.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from icesync.errors import AccessError, ConfigInvalid
from icesync.model.host import read_endpoint
from icesync.model.project import ORGANIZATION_MARK, StateSettings
from icesync.model.secret import ask_for
from icesync.stores.httpcalls import HttpEndpoint

if TYPE_CHECKING:
    from collections.abc import Mapping

_ADVICE: Final = (
    "reading needs the role Developer, locking and writing need Maintainer",
    "a job token expires when the job ends",
)


def http_endpoint(state: StateSettings, environ: Mapping[str, str]) -> HttpEndpoint:
    """
    Return where *state* is kept, with the credentials of *environ*.

    They are ``ICESYNC_STATE_USERNAME`` and ``ICESYNC_STATE_PASSWORD``. Those of
    Terraform, ``TF_HTTP_USERNAME`` and ``TF_HTTP_PASSWORD``, open Terraform's state;
    they are used only where the job says that this address is the same one.

    Raises:
        ConfigInvalid: a preset lacks what only the environment can say.
        AccessError: a preset has no token.

    """
    if state.preset == "gitlab":
        return gitlab_endpoint(state, environ)
    address = state.address or ""
    named = _names(environ, address, state.lock_address, state.unlock_address)
    return HttpEndpoint(
        address,
        state.lock_address,
        state.unlock_address,
        state.update_method,
        state.lock_method,
        state.unlock_method,
        *_own(environ, terraform=named),
        (
            "set ICESYNC_STATE_USERNAME and ICESYNC_STATE_PASSWORD",
            f"TF_HTTP_USERNAME and TF_HTTP_PASSWORD are used with TF_HTTP_ADDRESS={address} only",
        ),
    )


def _names(environ: Mapping[str, str], address: str, *locks: str | None) -> bool:
    """Return whether the job says that *address* is its own; locks are at the same service."""
    where = read_endpoint(address)
    return where is not None and any(
        _is_for(environ.get(name, ""), address)
        and all(read_endpoint(lock) == where for lock in locks if lock)
        for name in ("TF_HTTP_ADDRESS", "ICESYNC_STATE_ADDRESS")
    )


def _is_for(named: str, address: str) -> bool:
    """Return whether *named* is *address*; its mark stands for any organization."""
    parts = (re.escape(part) for part in named.split(ORGANIZATION_MARK))
    return re.fullmatch("[0-9]+".join(parts), address) is not None


def _own(environ: Mapping[str, str], *, terraform: bool) -> tuple[str, str]:
    """Return user and password for the state; those of Terraform only where they are for it."""
    prefixes = ("ICESYNC_STATE", "TF_HTTP") if terraform else ("ICESYNC_STATE",)
    for prefix in prefixes:
        if environ.get(f"{prefix}_PASSWORD"):
            return environ.get(f"{prefix}_USERNAME", ""), environ[f"{prefix}_PASSWORD"]
    return environ.get("ICESYNC_STATE_USERNAME", ""), ""


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
            "the preset `gitlab` needs a project outside GitLab jobs",
            "set `project: 42` under `state:`, and GITLAB_TOKEN",
        )
    address = f"{api}/projects/{quote(project, safe='')}/terraform/state/{quote(state.name or '')}"
    named = read_endpoint(environ.get("TF_HTTP_ADDRESS", ""))
    terraform = named is not None and named == read_endpoint(address)
    username, password = _credentials(environ, terraform=terraform)
    return HttpEndpoint(
        address, f"{address}/lock", f"{address}/lock", "POST", "POST", "DELETE",
        username, password, _ADVICE, "state.name",
    )  # fmt: skip


def _credentials(environ: Mapping[str, str], *, terraform: bool) -> tuple[str, str]:
    username, password = _own(environ, terraform=terraform)
    if password:
        return username or "icesync", password
    if environ.get("CI_JOB_TOKEN"):
        return "gitlab-ci-token", environ["CI_JOB_TOKEN"]
    token = _first(environ, "ICESYNC_GITLAB_TOKEN", "GITLAB_TOKEN")
    if token:
        return "icesync", token
    raise AccessError(
        "the preset `gitlab` has no token",
        f"outside GitLab jobs, with a token of scope api: {ask_for(['GITLAB_TOKEN'])}",
    )


def _first(environ: Mapping[str, str], *names: str) -> str:
    return next((environ[name] for name in names if environ.get(name)), "")
