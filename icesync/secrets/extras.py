"""Libraries that come with an extra, and the line that installs one that is missing."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from icesync.errors import SecretMissing

if TYPE_CHECKING:
    from icesync.model.secret import SecretRef

__all__ = ["need"]


def need(module: str, extra: str, reference: SecretRef) -> Any:
    """
    Return *module*, which comes with ``icesync[extra]``.

    Raises:
        SecretMissing: it is not installed; the hint is what installs it.

    """
    try:
        return importlib.import_module(module)
    except ImportError:
        raise SecretMissing(
            f"`{reference}` needs the extra `{extra}`, which is not installed",
            f"pip install 'icesync[{extra}]'",
        ) from None
