"""
By which names a setting may be given from elsewhere: on the wire, or in the files.

Names are compared without regard to case, as the service itself does (observed).
"""

from __future__ import annotations

import difflib
from typing import Final

from icesync.model.fields import FIELDS, Field
from icesync.wire.update import TOKEN_NAME

__all__ = ["find_member", "is_token", "member_hint"]

_BY_NAME: Final = {name.lower(): row for row in FIELDS for name in (row.key, *row.wire)}
_SPELLINGS: Final = {name.lower(): name for row in FIELDS for name in (row.key, *row.wire)}


def find_member(name: str) -> Field | None:
    """Return the row that the member or column *name* means, or None."""
    return _BY_NAME.get(name.strip().lower())


def is_token(name: str) -> bool:
    """Return whether *name* is the token of a request, which is no setting and is dropped."""
    return name.strip().lower() == TOKEN_NAME.lower()


def member_hint(name: str) -> str:
    """Return what a person may have meant by the unknown *name*."""
    near = difflib.get_close_matches(name.strip().lower(), _SPELLINGS, n=1, cutoff=0.6)
    if near:
        return f"did you mean `{_SPELLINGS[near[0]]}`?"
    return "use the names of the request, such as SMTPPort, or of the files, such as smtp.port"
