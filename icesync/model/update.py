"""One call to make: a whole record, since the service replaces it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from icesync.frozen import frozen

if TYPE_CHECKING:
    from collections.abc import Mapping

    from icesync.model.address import Address
    from icesync.model.fields import Setting
    from icesync.model.secret import SecretValue

__all__ = ["Update"]


@frozen
class Update:
    """The record at *address* as it shall be: typed values and passwords by dotted key."""

    address: Address
    settings: Mapping[str, Setting]
    secrets: Mapping[str, SecretValue]
