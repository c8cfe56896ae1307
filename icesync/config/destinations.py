"""
Whether calls and files go where the job lets them: hosts, the proxy, the CA, the state's file.

A pull request can write all of these, so none is believed that
:mod:`icesync.model.trusted_hosts` does not know: the token and every password
pass through them. What the job sets by a variable of its own is free.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from icesync.config.discover import is_inside
from icesync.diagnostics import Diagnostic
from icesync.errors import ConfigInvalid
from icesync.model.project import OPTIONS, Backend
from icesync.model.trusted_hosts import ALLOW_HOST, Service, TrustedHosts, read_endpoint

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from icesync.model.project import Project

_LOCKS = ("state.address", "state.lock_address", "state.unlock_address")


def check_destinations(
    project: Project, environ: Mapping[str, str], by_job: Collection[str]
) -> tuple[Diagnostic, ...]:
    """
    Return why something in *project* may not be used; *by_job* are options that the job set.

    Raises:
        ConfigInvalid: the job's own variables cannot be read.

    """
    trust = TrustedHosts(environ)
    if trust.malformed:
        raise ConfigInvalid(
            f"{ALLOW_HOST} holds {trust.malformed[0]!a}, which is not the name of a host",
            f"{ALLOW_HOST}=HOST or HOST:PORT; several are divided by blanks or commas",
        )
    if "api.proxy" in by_job and read_endpoint(project.api.proxy or "") is None:
        raise ConfigInvalid(
            f"{OPTIONS['api.proxy'].variable} is not the address of a proxy",
            "write http://HOST:PORT or https://HOST:PORT, without a user",
        )
    return tuple(
        Diagnostic("ICE013", message, project.positions[path], hint)
        for path, message, hint in _problems(project, trust, by_job)
    )


def _problems(
    project: Project, trust: TrustedHosts, by_job: Collection[str]
) -> Iterator[tuple[str, str, str | None]]:
    for path, service, address in _addresses(project):
        untrusted = None if path in by_job else trust.check(service, address, f"`{path}`")
        if untrusted is not None:
            yield path, *untrusted
    api, state = project.api, project.state
    if api.proxy and api.base_url.lower().startswith("http://"):
        message = "`api.base_url` must be https: a proxy would read the token and passwords"
        yield "api.base_url", message, "write https://, or remove `api.proxy`"
    if api.ca_file and "api.ca_file" not in by_job and is_inside(project.root, api.ca_file):
        yield (
            "api.ca_file",
            "`api.ca_file` is in the repository: whoever edits it could read every call",
            f"ICESYNC_CA_FILE={api.ca_file} in the job's environment permits it",
        )
    if state.backend is Backend.LOCAL and "state.path" not in by_job:
        if not is_inside(project.root, state.path):
            yield (
                "state.path",
                "`state.path` leads out of the repository",
                f"ICESYNC_STATE_PATH={state.path} in the job's environment permits it",
            )
        elif ".git" in (part.lower() for part in state.path.replace("\\", "/").split("/")):
            yield "state.path", "`state.path` leads into .git", "path: icesync.state.json"


def _addresses(project: Project) -> Iterator[tuple[str, Service, str]]:
    api, state = project.api, project.state
    if not api.emulated:
        yield "api.base_url", Service.ICE, api.base_url
    if api.proxy:
        yield "api.proxy", Service.PROXY, api.proxy
    if state.backend is Backend.HTTP and not state.preset:
        for path in _LOCKS:
            address = getattr(state, path.rpartition(".")[2])
            if address:
                # The mark of a state for each organization is no part of a host.
                yield path, Service.STATE, address
