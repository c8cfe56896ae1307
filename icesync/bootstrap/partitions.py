"""The snapshots of several organizations, joined; and which of them a disk holds."""

from __future__ import annotations

import glob
import re
from typing import TYPE_CHECKING

from icesync import __version__
from icesync.bootstrap import open_store
from icesync.model.project import ORGANIZATION_MARK, Backend

if TYPE_CHECKING:
    from collections.abc import Iterable

    from icesync.model.project import Project
    from icesync.ports import Clock, StateStore

__all__ = ["kept_organizations", "open_parts"]


def open_parts(project: Project, organizations: Iterable[int], clock: Clock) -> StateStore:
    """Return one store over those of *organizations*."""
    from icesync.stores.per_organization import PartitionedStore

    state, root = project.state, project.root
    stores = {
        o: open_store(root, state.of(o), clock, own_folder=True) for o in sorted(set(organizations))
    }
    return PartitionedStore(stores, project.api.base_url, state.template, __version__, clock)


def kept_organizations(project: Project) -> frozenset[int]:
    """
    Return the organizations whose snapshot is on the disk, the files naming them or not.

    A remote store cannot be asked what it holds: nothing is found there.
    """
    state = project.state
    if state.per is None or state.backend is not Backend.LOCAL:
        return frozenset()
    # The mark may stand several times, and in a folder's name: the same number each time.
    first, *others = (re.escape(piece) for piece in state.path.split(ORGANIZATION_MARK))
    pattern = re.compile(first + "([1-9][0-9]{0,9})" + r"\1".join(others), re.ASCII)
    wild = "*".join(glob.escape(piece) for piece in state.path.split(ORGANIZATION_MARK))
    matches = (pattern.fullmatch(path) for path in glob.glob(wild, root_dir=project.root))  # noqa: PTH207 - with a root
    return frozenset(int(match[1]) for match in matches if match)
