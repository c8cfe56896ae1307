"""
Find the states that the configuration had before, by git's history of both.

Whoever moves `state:` to an empty place, or deletes a state, loses all memory of what ICE
confirmed and what guards stand on. Of a place far away the history of the configuration
says no more than that it was one.
"""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from icesync.bootstrap.git import Git
from icesync.config.discover import CONFIG_NAMES, is_tracked
from icesync.config.project import read_state_settings
from icesync.config.yaml.document import SourceFile
from icesync.model.project import ORGANIZATION_MARK, Backend

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from icesync.model.project import Project, StateSettings

_KIND: Final = b'"icesync-state"'
_HEAD_BYTES: Final = 2048
_MOST_BYTES: Final = 64 * 2**20
_CONFIG_BYTES: Final = 64 * 2**10


def find_other_states(
    project: Project, environ: Mapping[str, str]
) -> Iterator[tuple[str, bytes | None]]:
    """Yield place and content of each; None where it cannot be read from here."""
    root, seen = Path(project.root), set[str]()
    if not any(is_tracked(root / name) for name in _names(project)):
        return
    git = Git(project.root, environ)
    own = (project.state.backend, project.state.template)
    yield from _deleted_parts(git, project)
    for state in (project.state, *_former(git, project)):
        place = (state.backend, state.template)
        if state.backend is Backend.LOCAL:
            if state.path not in seen and ORGANIZATION_MARK not in state.path:
                data = next(iter(git.versions(state.path, _MOST_BYTES)), None)
                if data is not None and _KIND in data[:_HEAD_BYTES]:
                    yield state.path, data
        elif place != own and place[1] not in seen:
            yield f"{state.backend} {state.template}", None
        seen.add(state.template)


def _deleted_parts(git: Git, project: Project) -> Iterator[tuple[str, bytes | None]]:
    """Yield the states of organizations that are not there any more."""
    if project.state.backend is not Backend.LOCAL or project.state.per is None:
        return
    pattern = os.path.normpath(project.state.path).replace(ORGANIZATION_MARK, "*")
    for name in git.deleted(pattern):
        data = next(iter(git.versions(name, _MOST_BYTES)), None)
        if data is not None and _KIND in data[:_HEAD_BYTES]:
            yield name, data


def _former(git: Git, project: Project) -> Iterator[StateSettings]:
    for name in _names(project):
        for data in git.versions(name, _CONFIG_BYTES):
            state = read_state_settings(SourceFile(name, data))
            if state is not None:
                yield replace(state, path=os.path.normpath(state.path))


def _names(project: Project) -> tuple[str, ...]:
    """Return the name of the configuration, and what it may have been called before."""
    return tuple(dict.fromkeys((project.config_file, *CONFIG_NAMES)))
