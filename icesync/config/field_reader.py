"""
The quick verdict on one server's mapping: flat typed settings, or "look closer".

Derived from the field table: for each key a memory from accepted texts to typed
values, so that a value seen before costs one look-up. A mapping that does not
fit raises :class:`FastPathMiss` and says nothing more; jsonschema explains.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from icesync.config.values import InvalidValue, Value, read_value
from icesync.config.yaml.source import Quoted
from icesync.model.fields import (
    BLOCKS,
    FIELDS,
    INCOMING_BLOCKS,
    LOGIN_KEYS,
    Field,
    Presence,
    Role,
    Setting,
    needs_login,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from icesync.model.secret import SecretRef

__all__ = ["FastPathMiss", "Layer", "missing_keys", "read_layer", "read_scalar", "salvage_layer"]


class FastPathMiss(Exception):
    """The mapping does not fit the field table."""


@dataclass(slots=True)
class Layer:
    """
    What one mapping says: typed values by dotted key.

    *labels* are ``name`` and ``skill``; *presets* the names of presets; *local* is
    what icesync itself goes by.
    """

    settings: dict[str, Setting] = field(default_factory=dict)
    secrets: dict[str, SecretRef] = field(default_factory=dict)
    labels: dict[str, Any] = field(default_factory=dict)
    presets: dict[str, str] = field(default_factory=dict)
    local: dict[str, Setting] = field(default_factory=dict)

    @property
    def targets(self) -> tuple[dict[str, Any], ...]:
        """The mappings above by the numbers below."""
        return (self.settings, self.secrets, self.labels, self.presets, self.local)


class _Memory(dict[str, Value]):
    """Texts that the field accepted, with their values; learns as it is asked."""

    def __init__(self, row: Field, *, quoted: bool) -> None:
        super().__init__()
        self.row = row
        self.quoted = quoted

    def __missing__(self, text: str) -> Value:
        try:
            value = read_value(self.row, Quoted(text) if self.quoted else text)
        except InvalidValue:
            raise FastPathMiss from None
        self[str(text)] = value
        return value


_SETTINGS, _SECRETS, _LABELS, _PRESETS, _LOCAL = range(5)
"""Where a value goes; a number is the quickest name on this path."""

_TARGETS: Final = {
    Role.ADDRESS: _LABELS,
    Role.SENT: _SETTINGS,
    Role.TRIGGER: _SETTINGS,
    Role.LABEL: _LABELS,
    Role.LOCAL: _LOCAL,
    Role.PRESET: _PRESETS,
}


class _Scalar:
    """How one key's scalar is read, and where its value goes."""

    __slots__ = ("key", "plain", "quoted", "target")

    def __init__(self, row: Field) -> None:
        self.key = row.key
        self.plain = _Memory(row, quoted=False)
        self.quoted = _Memory(row, quoted=True)
        self.target = _SECRETS if row.secret else _TARGETS[row.role]


_Table = dict[str, "_Scalar | _Table"]


def _build_table() -> _Table:
    scalars = {row.key: _Scalar(row) for row in FIELDS}
    table: _Table = {row.leaf: scalars[row.key] for row in FIELDS if not row.block}
    for block in BLOCKS:
        table[block] = {row.leaf: scalars[row.key] for row in FIELDS if row.block == block}
    del table["organization"]
    return table


_SERVER: Final = _build_table()
_DEFAULTS: Final = {key: value for key, value in _SERVER.items() if key not in {"skill", "name"}}
_SKILL: Final = _SERVER["skill"]
_ORGANIZATION: Final = _Scalar(FIELDS[0])


def read_layer(node: Any, *, defaults: bool = False) -> Layer:
    """
    Return what the mapping *node* says; *defaults* takes neither ``skill`` nor ``name``.

    Raises:
        FastPathMiss: something in it does not fit.

    """
    layer = Layer()
    _read(node, _DEFAULTS if defaults else _SERVER, layer.targets)
    return layer


def salvage_layer(node: Any, *, defaults: bool = False) -> Layer:
    """Return what can be read of the mapping *node*; the rest was told already."""
    layer = Layer()
    _salvage(node, _DEFAULTS if defaults else _SERVER, layer.targets)
    return layer


def _salvage(node: Any, table: _Table, targets: tuple[dict[str, Any], ...]) -> None:
    for key, value in node.items() if type(node) is dict else ():
        row = table.get(key)
        if type(row) is dict:
            _salvage(value, row, targets)
        else:
            with suppress(FastPathMiss):
                _read({key: value}, table, targets)


def _read(
    node: Any,
    table: _Table,
    targets: tuple[dict[str, Any], ...],
) -> None:
    if type(node) is not dict:
        raise FastPathMiss
    for key, value in node.items():
        row = table.get(key)
        if type(row) is _Scalar:
            kind = type(value)
            if kind is str:
                typed = row.plain[value]
            elif kind is Quoted:
                typed = row.quoted[value]
            else:
                raise FastPathMiss
            targets[row.target][row.key] = typed
        elif type(row) is dict:
            _read(value, row, targets)
        else:
            raise FastPathMiss


def read_scalar(node: Any, key: str) -> int:
    """
    Return the id *node* as the address field *key*, ``organization`` or ``skill``.

    Raises:
        FastPathMiss: it does not fit.

    """
    row = _ORGANIZATION if key == "organization" else _SKILL
    if not isinstance(row, _Scalar) or not isinstance(node, str):
        raise FastPathMiss
    value = (row.quoted if type(node) is Quoted else row.plain)[node]
    return int(value) if isinstance(value, int) else 0


def _required(incoming: str | None) -> tuple[frozenset[str], frozenset[str]]:
    """Return the keys of settings and of secrets that must be there."""
    in_use = {"smtp", incoming}
    rows = [
        row
        for row in FIELDS
        if row.role is Role.SENT
        and (
            row.presence is Presence.REQUIRED
            or (row.presence is Presence.IN_USE and row.block in in_use)
        )
    ]
    return (
        frozenset(row.key for row in rows if not row.secret),
        frozenset(row.key for row in rows if row.secret),
    )


_REQUIRED: Final = {incoming: _required(incoming) for incoming in (*INCOMING_BLOCKS, None)}


_LOGIN: Final = frozenset(LOGIN_KEYS)


def missing_keys(settings: Mapping[str, Setting], secrets: Mapping[str, SecretRef]) -> list[str]:
    """Return the required keys that have no value, in the order of the field table."""
    needed_settings, needed_secrets = _REQUIRED[settings.get("incoming")]  # type: ignore[index]
    if not needs_login(settings):
        needed_settings, needed_secrets = needed_settings - _LOGIN, needed_secrets - _LOGIN
    if settings.keys() >= needed_settings and secrets.keys() >= needed_secrets:
        return []
    missing = (needed_settings - settings.keys()) | (needed_secrets - secrets.keys())
    return [row.key for row in FIELDS if row.key in missing]
