"""A file as bytes, and libyaml's parser over it."""

from __future__ import annotations

import codecs
from typing import Any, Final

from icesync.errors import ConfigMalformed
from icesync.frozen import frozen

MAX_BYTES: Final = 2 * 1024 * 1024
"""Largest file that is read; some 2,400 servers."""


class Quoted(str):
    """A scalar that was quoted or written as a block, and so is a text in every YAML."""

    __slots__ = ()


@frozen
class SourceFile:
    """One file: *path* relative to the configuration with forward slashes, *data* as read."""

    path: str
    data: bytes


def open_parser(data: bytes) -> Any:
    """
    Return libyaml's parser over *data*, with ``get_event()``.

    Raises:
        ConfigMalformed: PyYAML was built without libyaml.

    """
    try:
        from yaml import CBaseLoader
    except ImportError:
        raise ConfigMalformed(
            "PyYAML was installed without libyaml, which icesync reads with",
            "pip install --force-reinstall --no-cache-dir pyyaml",
        ) from None
    return CBaseLoader(data)


def decode(data: bytes) -> str:
    """Return *data* as a text with plain line ends, without byte order mark."""
    text = data.removeprefix(codecs.BOM_UTF8).decode(errors="replace")
    return text.replace("\r\n", "\n").replace("\r", "\n")
