"""
Text to typed values, by the kind of the field: the only place that reads scalars.

YAML versions disagree about plain scalars (``on``, ``0o12``, ``22:30``,
``1_000``), so a typed field takes one spelling and says which. A text field
takes any text, but not what some YAML reads as "nothing".

A whole server's mapping has a quick verdict, derived from the field table: for each key a
memory from accepted texts to typed values, so that a value seen before costs one look-up.
A mapping that does not fit raises :class:`FastPathMiss` and says nothing more; jsonschema
explains.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import field
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from icesync.config.yaml_document import Quoted
from icesync.frozen import mutable
from icesync.model import presets
from icesync.model.desired import MAX_ID
from icesync.model.fields import (
    BLOCKS,
    FIELDS,
    INCOMING_BLOCKS,
    LOGIN_KEYS,
    Field,
    Kind,
    Presence,
    Role,
    Setting,
    needs_login,
    new_settings,
)
from icesync.model.secret import SecretRef, read_secret_ref
from icesync.regex import regex

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

Value: TypeAlias = Setting | SecretRef

NOTHING: Final = frozenset({"", "~", "null", "Null", "NULL"})
"""Plain scalars that YAML reads as null."""

CHOICES: Final = {
    Kind.STATUS: ("Enabled", "Disabled"),
    Kind.INCOMING: ("pop3", "imap"),
    Kind.MODE: ("implicit", "starttls", "none"),
    Kind.LOGIN: ("password", "none"),
}
"""The closed lists (doc:table: only these two statuses are named)."""

_INTEGER: Final = regex(r"-?(0|[1-9][0-9]{0,99})")
_NUMBER_LIKE: Final = regex(r"[-+]?[0-9][0-9_.:,a-fxobA-F]*")
_BOOLEAN_LIKE: Final = frozenset({"yes", "no", "on", "off", "y", "n", "true", "false"})


class InvalidValue(Exception):
    """A scalar that its field does not take: the rule, a sentence about it, and a hint."""

    def __init__(self, rule: str, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.rule = rule
        self.message = message
        self.hint = hint


def read_value(field: Field, text: str) -> Value:
    """
    Return *text* as the type of *field*; a :class:`Quoted` is never a number or a flag.

    Raises:
        InvalidValue: it does not fit; the sentence never quotes a secret.

    """
    if not isinstance(text, Quoted) and text in NOTHING:
        meant = "quote the value" if text else "write a value"
        raise InvalidValue("ICE109", "is empty", f"{meant}, or remove the key")
    return _READERS[field.kind](text, field)


_BASE_60: Final = regex(r"[0-9]+(:[0-5]?[0-9])+")
_OCTAL: Final = regex(r"0[0-7]+|0o[0-7]+")


def surprise(text: str) -> str | None:
    """Return what YAML versions make of a plain *text*, or None where they agree it is a text."""
    if text.lower() in _BOOLEAN_LIKE:
        return "is read as a boolean by some YAML versions"
    if text[:1].isalpha():
        return None  # no number starts with a letter
    if _BASE_60.fullmatch(text):
        return "is read as a base-60 number by YAML 1.1"
    if _OCTAL.fullmatch(text):
        return "is read as an octal number by some YAML versions"
    if _NUMBER_LIKE.fullmatch(text):
        return "is not a plain decimal number"
    return None


def _text(text: str, _: Field) -> str:
    if not text:
        raise InvalidValue("ICE013", "is empty", "remove the key, or add a value")
    return str(text)


def _secret(text: str, _: Field) -> SecretRef:
    reference = read_secret_ref(text)
    if isinstance(reference, SecretRef):
        return reference
    if text.startswith("ref+"):
        example = "ref+env://NAME or ref+file://path#/key, without spaces"
        raise InvalidValue("ICE410", reference.message, f"use {reference.spelling or example}")
    raise InvalidValue(
        "ICE401",
        "is a plaintext secret",
        "store it outside the repository and use a reference: ref+env://ICE_NAME",
    )


def _integer(text: str, high: int, rule: str, what: str, sample: int) -> int:
    if isinstance(text, Quoted):
        hint = "remove the quotes"
        if not _INTEGER.fullmatch(text):
            hint = f"use decimal digits without quotes, such as {sample}"
        raise InvalidValue("ICE013", "is a quoted string, but must be a number", hint)
    if not _INTEGER.fullmatch(text):
        meaning = surprise(text)
        told = f"{meaning}; expected {what}" if meaning else f"must be {what}"
        raise InvalidValue(
            "ICE109" if meaning else rule, told, f"use decimal digits, such as {sample}"
        )
    number = int(text)
    if number > MAX_ID and high == MAX_ID:
        raise InvalidValue("ICE104", "is too large: ICE uses 32-bit integers")
    if not 1 <= number <= high:
        raise InvalidValue(rule, f"must be {what}")
    return number


_PORTS: Final = {"smtp": 587, "pop3": 995, "imap": 993}


def _port(text: str, field: Field) -> int:
    return _integer(text, 65535, "ICE301", "a port, 1 to 65535", _PORTS[field.block or "smtp"])


def _poll_rate(text: str, _: Field) -> int:
    unit = "a positive integer (the vendor does not document the unit)"
    return _integer(text, MAX_ID, "ICE310", unit, 10)


def _id(text: str, _: Field) -> int:
    return _integer(text, MAX_ID, "ICE101", "a positive integer", 59)


def _version(text: str, _: Field) -> int:
    return _integer(text, MAX_ID, "ICE013", "a positive integer", 1)


def _flag(text: str, _: Field) -> bool:
    if isinstance(text, Quoted):
        hint = "remove the quotes" if text in {"true", "false"} else "use true or false"
        raise InvalidValue("ICE013", "is a quoted string, but must be true or false", hint)
    if text not in {"true", "false"}:
        rule = "ICE109" if text.lower() in _BOOLEAN_LIKE else "ICE013"
        raise InvalidValue(rule, "must be true or false", "use true or false, in lower case")
    return text == "true"


def _choice(text: str, field: Field) -> str:
    choices = CHOICES[field.kind]
    if text in choices:
        return str(text)
    rule = "ICE109" if text.lower() in _BOOLEAN_LIKE else "ICE208"
    near = next((choice for choice in choices if choice.lower() == text.lower()), None)
    hint = f"use {near}" if near else None
    raise InvalidValue(rule, f"must be one of {', '.join(choices)}", hint)


def _preset(text: str, field: Field) -> str:
    found = presets.find_preset(text)
    if found is not None and (not field.block or field.block in found.offers):
        return str(text)
    what = (
        f"the name of a preset that offers {field.block}"
        if found is not None
        else "the name of a preset"
    )
    raise InvalidValue("ICE208", f"must be {what}", _near_preset(text, preset_names(field.block)))


def preset_names(block: str) -> tuple[str, ...]:
    """Return the presets that may stand in *block*; all of them at a server's top."""
    every = {**presets.PRESETS, **presets.tail_presets()}
    return tuple(name for name, preset in every.items() if not block or block in preset.offers)


def _near_preset(text: str, names: Sequence[str]) -> str:
    """Return a hint for *text*, which is none of *names*: a region, a slip, or all there are."""
    import difflib

    provider, _, region = text.lower().partition("/")
    regions = [name for name in names if name.partition("/")[0] == provider]
    written = [name for name in names if name in presets.PRESETS]
    near = difflib.get_close_matches(text.lower(), regions or written, n=1)
    near = near or difflib.get_close_matches(text.lower(), names, n=1, cutoff=0.85)
    owners = [p.name for p in presets.providers_of(text.lower()) if p.name in names]
    if owners and not regions:
        return f"use {owners[0]}"
    if near and (region or not regions or near[0] == provider):
        return f"did you mean {near[0]}?"
    if regions:
        return f"choose the region: {', '.join(regions)}"
    known = dict.fromkeys(name.partition("/")[0] for name in written)
    return f"one of: {', '.join(known)}; or a provider by its domain, such as web.de"


_READERS: Final[Mapping[Kind, Callable[[str, Field], Value]]] = {
    Kind.TEXT: _text,
    Kind.SECRET: _secret,
    Kind.PORT: _port,
    Kind.POLL_RATE: _poll_rate,
    Kind.ID: _id,
    Kind.VERSION: _version,
    Kind.FLAG: _flag,
    Kind.STATUS: _choice,
    Kind.INCOMING: _choice,
    Kind.PRESET: _preset,
    Kind.MODE: _choice,
    Kind.LOGIN: _choice,
}


class FastPathMiss(Exception):
    """The mapping does not fit the field table."""


@mutable
class Layer:
    """
    What one mapping says: typed values by dotted key.

    *labels* are ``name`` and ``skill``; *presets* the names of presets; *local* is
    what icesync itself goes by.
    """

    settings: dict[str, Setting] = field(default_factory=new_settings)
    secrets: dict[str, SecretRef] = field(default_factory=dict)
    labels: dict[str, Any] = field(default_factory=dict)
    presets: dict[str, str] = field(default_factory=dict)
    local: dict[str, Setting] = field(default_factory=dict)

    @property
    def targets(self) -> tuple[dict[str, Any], ...]:
        """The mappings above by the numbers below."""
        return (self.settings, self.secrets, self.labels, self.presets, self.local)


_REMEMBERED: Final = 4096


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
        if len(self) >= _REMEMBERED:
            self.clear()  # texts that differ from server to server would fill the memory
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

    __slots__ = ("free", "key", "plain", "quoted", "target")

    def __init__(self, row: Field) -> None:
        self.key = row.key
        self.free = row.kind is Kind.TEXT
        """whether a plain text is its own value, unless YAML reads it as nothing"""
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
        elif row is not None:
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
                typed = value if row.free and value not in NOTHING else row.plain[value]
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
