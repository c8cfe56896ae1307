"""
What a shell may complete: addresses, organizations, files, rules, guards, kinds, schemas.

A shell asks while somebody types, so the files are searched for numbers, not read as
YAML: what is offered may have a mistake elsewhere. Whatever goes wrong offers nothing.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from icesync.errors import IcesyncError

if TYPE_CHECKING:
    from collections.abc import Iterable

    import click

    from icesync.cli.options import Common

_MAX_OFFERED: Final = 200
"""More addresses than this are offered once a part of one is typed."""


def addresses(context: click.Context, typed: str, *more: str) -> list[str]:
    """Complete an address, or one of the words *more*."""
    return _matching([*more, *_addresses(context)], typed)


def words(context: click.Context, typed: str) -> list[str]:
    """Complete an address, or a file or folder of the configuration."""
    return _matching([*_files(context), *_addresses(context, typed)], typed)


def organizations(context: click.Context, typed: str) -> list[str]:
    """Complete an organization."""
    return _matching(dict.fromkeys(a.partition("/")[0] for a in _addresses(context)), typed)


def allowed(context: click.Context, typed: str) -> list[str]:
    """Complete a guard or a limit; behind a guard and a colon an address."""
    from icesync.model.plan import ALLOWED_ALONE, ALLOWED_OF_SERVERS

    name, colon, _ = typed.partition(":")
    if colon and name in ALLOWED_OF_SERVERS:
        return _matching([f"{name}:{address}" for address in _addresses(context)], typed)
    return _matching([*ALLOWED_OF_SERVERS, *ALLOWED_ALONE], typed)


def topics(context: click.Context, typed: str) -> list[str]:
    """Complete what `explain` knows: an address, a rule, a mail provider, a topic."""
    from icesync.engine.explain import rules
    from icesync.engine.topics import topics as pages
    from icesync.model.presets import PRESETS

    named = [page.name for page in pages()]
    return _matching([*named, *rules(), *PRESETS, *_addresses(context)], typed)


def fields(_context: click.Context, typed: str) -> list[str]:
    """Complete a field of a server."""
    from icesync.model.fields import FIELDS

    return _matching([field.key for field in FIELDS], typed)


def schemas(_context: click.Context, typed: str) -> list[str]:
    """Complete the name of a schema."""
    from icesync.engine.explain import file_schemas
    from icesync.render.documents import DOCUMENTS

    return _matching([*file_schemas(), *DOCUMENTS], typed)


def reports(_context: click.Context, typed: str, *kinds: str) -> list[str]:
    """Complete a report of one of *kinds*, up to the name of its file."""
    return _matching([f"{kind}=" for kind in kinds], typed)


def _matching(known: Iterable[str], typed: str) -> list[str]:
    return [word for word in known if word.startswith(typed)]


def _addresses(context: click.Context, typed: str = "0") -> list[str]:
    from icesync.engine.choice import find_addresses

    try:
        config = _common(context).locate()
        found = find_addresses(config.parent, config.name)
    except (IcesyncError, OSError):
        return []
    return found if typed or len(found) <= _MAX_OFFERED else []


def _files(context: click.Context) -> list[str]:
    """Return the files of the configuration and their folders, from where the user stands."""
    from icesync.engine.choice import find_names

    try:
        config, start = _common(context).locate(), _common(context).folder.resolve()
        found = find_names(config.parent, config.name)
        below = [os.path.relpath(config.parent.resolve() / name, start) for name in found]
    except (IcesyncError, OSError):
        return []
    folders = {f"{name.rpartition(os.sep)[0]}{os.sep}" for name in below if os.sep in name}
    return [*sorted(folders), *below]


def _common(context: click.Context) -> Common:
    from icesync.cli.options import Common

    return context.find_root().ensure_object(Common)
