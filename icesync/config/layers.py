"""Which layer gave a value: the server, its file's defaults, or a folder's."""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from icesync.config.values import InvalidValue, read_value
from icesync.frozen import frozen
from icesync.model.desired import Given, LayerKind
from icesync.model.fields import FIELDS_BY_KEY

if TYPE_CHECKING:
    from collections.abc import Mapping

    from icesync.config.yaml.document import Document
    from icesync.config.yaml.tree import NodePath
    from icesync.diagnostics import SourcePosition
    from icesync.model.fields import Field

__all__ = ["DEFAULTS_NAMES", "LayeredOrigin", "Place"]

DEFAULTS_NAMES: Final = ("_defaults.yaml", "_defaults.yml")
"""The files whose ``defaults`` apply to their folder and below."""


class Place(NamedTuple):
    """A mapping inside a document: the server's own, or a ``defaults``."""

    document: Document
    path: NodePath

    @property
    def layer(self) -> LayerKind:
        """Which layer the mapping is."""
        if not self.path:
            return LayerKind.TOP
        if self.path[0] == "servers":
            return LayerKind.SERVER
        named = self.document.file.rpartition("/")[2] in DEFAULTS_NAMES
        return LayerKind.FOLDER if named else LayerKind.FILE


@frozen
class LayeredOrigin:
    """
    The places that one server's values come from, the most special first.

    Positions are looked up only when asked for: a server that does not change
    pays nothing for them. *filled* names the ``preset`` key that gave a value, by
    the value's key.
    """

    places: tuple[Place, ...]
    filled: Mapping[str, str] = field(default_factory=dict)

    def position(self, key: str = "") -> SourcePosition:
        """Return the place of *key*'s effective value; of the server for ``""`` or no value."""
        parts = tuple(key.split(".")) if key else ()
        for place in self.places if parts else ():
            if _node(place.document.data, (*place.path, *parts)) is not None:
                return place.document.position((*place.path, *parts))
        if key in self.filled:
            return self.position(self.filled[key])
        return self.places[0].document.server_position(self.places[0].path)

    def files(self) -> frozenset[str]:
        """Return the files that this server is made of: its own, and those with its defaults."""
        return frozenset(place.document.file for place in self.places)

    def chain(self, key: str) -> tuple[Given, ...]:
        """Return what every layer gives for *key*, the effective value first."""
        parts = tuple(key.split("."))
        if key == "organization":
            given = _given(Place(self.places[0].document, ()), parts, FIELDS_BY_KEY[key])
            return () if given is None else (given,)
        found = (_given(place, parts, FIELDS_BY_KEY[key]) for place in self.places)
        return tuple(given for given in found if given is not None)


def _given(place: Place, parts: tuple[str, ...], row: Field) -> Given | None:
    """Return what one layer gives, or None: nothing, or what no field takes."""
    path = (*place.path, *parts)
    node = _node(place.document.data, path)
    if not isinstance(node, str):
        return None
    try:
        value = read_value(row, node)
    except InvalidValue:
        return None
    return Given(place.layer, value, place.document.position(path))


def _node(node: Any, path: NodePath) -> Any:
    """Return what stands at *path*, or None."""
    for part in path:
        if isinstance(part, str) and (not isinstance(node, dict) or part not in node):
            return None
        node = node[part]
    return node
