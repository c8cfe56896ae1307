"""
The first line of a text that icesync posts, by which it finds the text again.

``<!-- icesync:plan {"v":1,"key":"mail"} -->``: what the text is about, and a key,
so that two configurations of one repository do not write over each other.
"""

from __future__ import annotations

import json
import re
from typing import Any, Final

from icesync.frozen import frozen

_LINE: Final = re.compile(r"<!-- icesync:([a-z]+) (\{.*\}) -->")
_VERSION: Final = 1
_INERT: Final = (("--", "-\\u002d"), ("<", "\\u003c"), (">", "\\u003e"), ("#", "\\u0023"))
"""A comment ends at ``-->``, HTML permits no ``--`` in one, and ``##[`` commands a pipeline."""


@frozen
class Marker:
    """
    What a text is about; *changes* says how many changes it shows, None when it does not say.

    *run* is the number of the pipeline's run that made it: a later one is newer.
    """

    topic: str
    key: str
    changes: int | None = None
    run: int | None = None

    def is_older_than(self, other: Marker) -> bool:
        """Return whether *other* is of a later run; never where one does not say."""
        return self.run is not None and other.run is not None and self.run < other.run

    def fits(self, other: Marker | None) -> bool:
        """Return whether *other* marks a text that this one's text replaces."""
        return other is not None and (self.topic, self.key) == (other.topic, other.key)

    def covers(self, other: Marker | None) -> bool:
        """Return whether *other* marks a text about the same configuration, or a part of it."""
        if other is None or self.topic != other.topic:
            return False
        return other.key == self.key or other.key.startswith(f"{self.key} --")


def encode_marker(marker: Marker) -> str:
    """Return the line, without its end; no key can close the comment that it stands in."""
    facts: dict[str, Any] = {"v": _VERSION, "key": marker.key}
    if marker.changes is not None:
        facts["changes"] = marker.changes
    if marker.run is not None:
        facts["run"] = marker.run
    document = json.dumps(facts, separators=(",", ":"))
    for odd, escaped in _INERT:
        document = document.replace(odd, escaped)
    return f"<!-- icesync:{marker.topic} {document} -->"


def read_marker(text: str) -> Marker | None:
    """Return the marker in the first line of *text*, or None."""
    first = text.partition("\n")[0].strip().removeprefix("\ufeff")
    match = _LINE.fullmatch(first)
    if match is None:
        return None
    try:
        facts = json.loads(match[2])
    except (ValueError, RecursionError):
        return None
    if facts.get("v") != _VERSION or not isinstance(facts.get("key"), str):
        return None
    changes, run = facts.get("changes"), facts.get("run")
    return Marker(
        match[1],
        facts["key"],
        changes if type(changes) is int else None,
        run if type(run) is int else None,
    )
