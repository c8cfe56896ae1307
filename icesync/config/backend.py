"""Whether the settings under ``state:`` fit the backend that they name."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Final

from icesync.diagnostics import Diagnostic
from icesync.model.project import Backend, StateSettings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from icesync.config.document import Document

__all__ = ["OBJECT_SCHEMES", "check_backend"]

OBJECT_SCHEMES: Final = ("s3://", "gs://", "az://")

_SETTINGS: Final = {
    Backend.LOCAL: {"path"},
    Backend.HTTP: {f.name for f in fields(StateSettings)} - {"backend", "path", "url"},
    Backend.OBJECTSTORE: {"url"},
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
    for name in given.keys() - {"backend"} - _SETTINGS[backend]:
        fitting = next(b for b, names in _SETTINGS.items() if name in names)
        yield (
            (name,),
            f"`state.{name}` does not fit the backend {backend}",
            f"`backend: {fitting}` takes it",
        )
    if backend is Backend.OBJECTSTORE and not (state.url or "").startswith(OBJECT_SCHEMES):
        yield (
            ("url",) if state.url else (),
            "`state.url` must name an object in a bucket",
            "url: s3://BUCKET/PATH/icesync.state.json   or gs:// or az://",
        )
    if backend is Backend.HTTP:
        yield from _http_problems(state, given)


def _http_problems(
    state: StateSettings, given: dict[str, object]
) -> Iterator[tuple[tuple[str, ...], str, str]]:
    if state.preset:
        for name in sorted(given.keys() & (_SETTINGS[Backend.HTTP] - _GITLAB)):
            yield (name,), f"`state.{name}` is what the preset settles", "remove one of the two"
        if not state.name or "/" in state.name:
            told = "`state.name` must name the state, without a slash"
            yield ("name",) if state.name else (), told, "name: production"
        return
    for name in sorted(given.keys() & {"name", "project"}):
        yield (name,), f"`state.{name}` needs a preset", "preset: gitlab"
    for name in ("address", "lock_address", "unlock_address"):
        address = getattr(state, name)
        if not (address or "https://").startswith(("https://", "http://")):
            yield (name,), f"`state.{name}` is not an address", "address: https://…"
    if not state.address:
        yield (), "`state.address` is missing", "address: https://…   or `preset: gitlab`"
