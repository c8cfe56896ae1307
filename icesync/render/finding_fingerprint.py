"""
By what a finding is known again in the next run, when its lines have moved.

A fingerprint is made of the rule, the file and the sentence without the
numbers that move with it; findings that are alike in all of these are told
apart by their order in the file.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

    from icesync.diagnostics import Diagnostic
    from icesync.model.ci import Ci

__all__ = ["identities"]

_MOVING: Final = re.compile(r"\[\d+\]|:\d+(:\d+)?|\blines? \d+(, \d+)*( and \d+)?", re.ASCII)


def identities(findings: Sequence[Diagnostic], ci: Ci) -> tuple[str, ...]:
    """Return a fingerprint for each of *findings*, unique among them: 32 hexadecimal digits."""
    seen: Counter[str] = Counter()
    made = []
    for one in findings:
        text = "\0".join((one.rule, ci.path(one.position.file), _MOVING.sub("", one.message)))
        seen[text] += 1
        made.append(
            hashlib.sha256(f"{text}\0{seen[text]}".encode(errors="replace")).hexdigest()[:32]
        )
    return tuple(made)
