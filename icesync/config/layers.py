"""Which layer gave a value: the server, its file's defaults, or a folder's."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

    from icesync.config.document import Document, NodePath
    from icesync.diagnostics import SourcePosition

__all__ = ["LayeredOrigin", "Place"]


class Place(NamedTuple):
    """A mapping inside a document: the server's own, or a ``defaults``."""

    document: Document
    path: NodePath


@dataclass(frozen=True, slots=True)
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
            if _holds(place.document.data, (*place.path, *parts)):
                return place.document.position((*place.path, *parts))
        if key in self.filled:
            return self.position(self.filled[key])
        return self.places[0].document.position(self.places[0].path)


def _holds(node: Any, path: NodePath) -> bool:
    for part in path:
        if isinstance(part, str) and (not isinstance(node, dict) or part not in node):
            return False
        node = node[part]
    return True
