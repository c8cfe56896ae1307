"""Whether the settings under ``state:`` fit the backend that they name."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from icesync.diagnostics import Diagnostic
from icesync.model.project import OPTIONS, ORGANIZATION_MARK, Backend, StateSettings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from icesync.config.yaml.document import Document

OBJECT_URL: Final = re.compile(
    r"(s3|gs|az)://[A-Za-z0-9][A-Za-z0-9._-]{1,221}(/(?!\.{1,2}(/|\Z))[A-Za-z0-9{}._=+,@!-]+)+"
)
"""Bucket and key, each part plain: what a library would decode or fold does not fit."""

_SETTINGS: Final = {
    backend: {row.path.partition(".")[2] for row in OPTIONS.values() if row.backend is backend}
    for backend in Backend
}
_PLACES: Final = {
    Backend.LOCAL: ("path",),
    Backend.HTTP: ("address", "lock_address", "unlock_address"),
    Backend.OBJECTSTORE: ("url",),
}
_SAMPLES: Final = {
    "path": f"state/{ORGANIZATION_MARK}.json",
    "name": f"icesync-{ORGANIZATION_MARK}",
    "address": f"https://…/{ORGANIZATION_MARK}",
    "lock_address": f"https://…/{ORGANIZATION_MARK}/lock",
    "unlock_address": f"https://…/{ORGANIZATION_MARK}/lock",
    "url": f"s3://BUCKET/{ORGANIZATION_MARK}.json",
}
_GITLAB: Final = {"preset", "name", "project"}


def check_backend(state: StateSettings, document: Document) -> tuple[Diagnostic, ...]:
    """Return what does not fit together in *state*, each at its place in *document*."""
    return tuple(
        Diagnostic("ICE013", message, document.position(("state", *path)), hint)
        for path, message, hint in _problems(state, document.data.get("state", {}))
    )


def _problems(
    state: StateSettings, given: dict[str, object]
) -> Iterator[tuple[tuple[str, ...], str, str]]:
    backend = state.backend
    for name in given.keys() - {"backend", "per"} - _SETTINGS[backend]:
        fitting = next(b for b, names in _SETTINGS.items() if name in names)
        yield (
            (name,),
            f"`state.{name}` does not fit the backend {backend}",
            f"`backend: {fitting}` takes it",
        )
    if backend is Backend.OBJECTSTORE and not OBJECT_URL.fullmatch(state.url or ""):
        yield (
            ("url",) if state.url else (),
            "`state.url` must name an object in a bucket",
            "url: s3://BUCKET/PATH/icesync.state.json   or gs:// or az://",
        )
    if backend is Backend.HTTP:
        yield from _http_problems(state, given)
    yield from _place_problems(state)


def _place_problems(state: StateSettings) -> Iterator[tuple[tuple[str, ...], str, str]]:
    """Yield where the place and ``per:`` do not fit: all would write over each other's snapshot."""
    http = state.backend is Backend.HTTP
    names = ("name",) if http and state.preset else _PLACES[state.backend]
    for name in names:
        place = getattr(state, name)
        if place is None:
            continue
        marked = ORGANIZATION_MARK in place
        if state.per is None and marked:
            told = f"`state.{name}` holds {ORGANIZATION_MARK} without `per: organization`"
            yield (name,), told, "per: organization   under `state:` gives each its own"
        elif state.per is not None and not marked:
            told = f"`state.{name}` must hold {ORGANIZATION_MARK}, since each has its own state"
            yield (name,), told, f"{name}: {_SAMPLES[name]}"


def _http_problems(
    state: StateSettings, given: dict[str, object]
) -> Iterator[tuple[tuple[str, ...], str, str]]:
    if state.preset:
        for name in sorted(given.keys() & (_SETTINGS[Backend.HTTP] - _GITLAB)):
            yield (name,), f"`state.{name}` is what the preset settles", "remove one of the two"
        if not state.name or "/" in state.name or state.name in {".", ".."}:
            told = "`state.name` must name the state, without a slash"
            yield ("name",) if state.name else (), told, "name: production"
        if state.project in {".", ".."}:
            yield ("project",), "`state.project` must be an id or a path", "project: team/mail"
        return
    for name in sorted(given.keys() & {"name", "project"}):
        yield (name,), f"`state.{name}` needs a preset", "preset: gitlab"
    if not state.address:
        yield (), "`state.address` is missing", "address: https://…   or `preset: gitlab`"
