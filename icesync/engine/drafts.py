"""
From the cells of a sheet to servers whose values fit: by the rules of the files.

What is wrong with a column is told once, with the cells that it is wrong in. Nothing
that is told quotes a value.
"""

from __future__ import annotations

import re
import shlex
from collections import Counter
from dataclasses import field
from functools import cache
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from icesync.config.rules import DECLARED, Host, MailAddress, on_address, on_host
from icesync.config.rules.hosts import damage, is_placeholder, near_miss
from icesync.config.values import InvalidValue, read_value
from icesync.config.yaml_document import Quoted, find_unprintable, name_character
from icesync.diagnostics import Diagnostic, Severity, SourcePosition
from icesync.errors import UsageError, listed, printable
from icesync.frozen import NamedTuple, frozen, mutable
from icesync.model.desired import Address
from icesync.model.fields import (
    BLOCKS,
    FIELDS,
    FIELDS_BY_KEY,
    INCOMING_BLOCKS,
    Field,
    Kind,
    Role,
    Setting,
)
from icesync.model.imported import Broken, Cell, Draft, NumberCell, Raw, Record, Sheet
from icesync.model.secret import SecretRef, SecretValue, read_secret_ref
from icesync.sheet.columns import (
    COLLECTING,
    ENCRYPTION,
    Column,
    find_column,
    is_secret,
    near_name,
    row_of,
)
from icesync.sheet.table import letters
from icesync.sheet.values import spell, spell_encryption

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

JUDGED: Final = frozenset({"ICE501", "ICE503", "ICE507", "ICE508"})
"""Rules about one text: cells are held to them as they are read."""

EXAMPLE: Final = "EXAMPLE: replace this row"
"""The name of the one server in a template."""

_SECRET_ROWS: Final = tuple(row for row in FIELDS if row.secret)
_SMTP_PORTS: Final = frozenset({"25", "465", "587", "2525"})
_PORTS: Final = {
    **dict.fromkeys(_SMTP_PORTS, "smtp"),
    **dict.fromkeys(("143", "993"), "imap"),
    **dict.fromkeys(("110", "995"), "pop3"),
}
"""The protocol that a well-known port belongs to (IANA; 2525 by the relays)."""
_TAG: Final = "hmac"
"""The member under which the emulator shows a tag in place of a password."""
_SHOWN: Final = 3
"""So many cells or servers are named; of the rest, the number is told."""


@frozen
class ColumnOptions:
    """
    What the person who imports says about all servers.

    *columns* holds the settings of a column by its folded name, *constants* a value for
    each server that has none, by dotted key. *as_is* takes texts that look damaged.
    *lenient* are the rules that the configuration does not hold errors.
    """

    columns: Mapping[str, Column] = field(default_factory=dict)
    constants: Mapping[str, str] = field(default_factory=dict)
    as_is: bool = False
    lenient: frozenset[str] = frozenset()


class ColumnUse(NamedTuple):
    """A column of a sheet, the settings that it gives, and in how many rows it says something."""

    file: str
    name: str
    keys: tuple[str, ...]
    rows: int


_Part: TypeAlias = Literal["settings", "presets", "secrets"]


class _Reading(NamedTuple):
    """What one text came to; *part* is the mapping of a draft that the value belongs in."""

    value: Setting | SecretRef | SecretValue | None = None
    fault: tuple[str, str, str | None] | None = None
    trimmed: bool = False
    unwrapped: bool = False
    part: _Part = "settings"
    placeholder: bool = False


@mutable
class Findings:
    """Collects what is wrong; what is wrong with several cells of a column is one finding."""

    found: dict[tuple[str, str, str, str, str | None], list[tuple[SourcePosition, str]]] = field(
        default_factory=dict
    )

    def add(
        self,
        position: SourcePosition,
        rule: str,
        message: str,
        hint: str | None = None,
        *,
        subject: str = "",
        place: str = "",
    ) -> None:
        """Add that *subject* at *place* of the sheet *message*, which ends the sentence."""
        key = (position.file, subject, rule, message, hint)
        self.found.setdefault(key, []).append((position, place))

    def diagnostics(self) -> list[Diagnostic]:
        """Return all that was found."""
        diagnostics = []
        for (_, subject, rule, message, hint), places in self.found.items():
            named = listed(list(dict.fromkeys(place for _, place in places if place)), _SHOWN)
            shown = f"{subject} ({named})" if named and subject else subject or named
            more = f" (and {len(places) - 1} more)" if len(places) > 1 and not named else ""
            text = f"{shown} {message}{more}".strip()
            diagnostics.append(Diagnostic(rule, text, places[0][0], hint))
        return diagnostics


class Drafter:
    """Reads sheets into drafts; notes what was understood, trimmed and left out."""

    def __init__(
        self,
        options: ColumnOptions,
        findings: Findings,
        collecting: Callable[[Address | None], str],
    ) -> None:
        self.options = options
        self.findings = findings
        self.collecting = collecting
        self.uses: list[ColumnUse] = []
        self.trimmed = 0
        self.unwrapped: set[tuple[str, int, int]] = set()
        """cells that hold an address as a link, or with a name"""
        self.left_out: dict[str, None] = {}
        self.inferred: Counter[str] = Counter()
        self.unknown: dict[str, str] = {}
        """names of columns that nobody knows, and the nearest known ones"""
        self.names: dict[str, str] = {}
        """all names of columns as they are spelled, by how they are compared"""
        self.headings: dict[tuple[str, str], tuple[str, int]] = {}
        """the first column that gives a setting, by file and slot: its name and its number"""
        self._headers: dict[str, int] = {}
        self._twins: set[tuple[str, int, int]] = set()
        self._readings: dict[tuple[str, bool, bool], dict[str, _Reading]] = {}
        self._constants = {
            key: self._read_constant(key, text) for key, text in options.constants.items()
        }

    def _read_constant(self, key: str, text: str) -> _Reading:
        reading = self._read(key, Column((key,)), text)
        if reading.fault is not None:
            _, message, hint = reading.fault
            raise UsageError(f"--set {key} {message}", *([hint] if hint else []))
        return reading

    def find(self, name: str) -> Column | None:
        """Return what the column *name* means, to whoever imports or to everybody."""
        return self.options.columns.get(name.strip().casefold()) or find_column(name)

    def add(self, file: str, sheet: Sheet) -> list[Draft]:
        """Return the drafts of *sheet*, which was read from *file*."""
        names = [cell.name for cell in sheet.header]
        names += [cell.name for record in sheet.records for cell in record.cells]
        used = Counter(names)
        used.subtract(cell.name for cell in sheet.header)
        columns = self._columns(file, sheet, list(used))
        self._headers[file] = sheet.header[0].line if sheet.header else 0
        for cell in sheet.header:
            for key in columns[cell.name].keys if cell.name in columns else ():
                for one in ("ssl", "tls") if key == ENCRYPTION else (key,):
                    self.headings.setdefault((file, slot(one)), (cell.name, cell.column))
        drafts = [self._draft(file, record, columns) for record in sheet.records]
        if sheet.header:
            self.uses += [
                ColumnUse(file, name, column.keys, used[name])
                for name, column in columns.items()
                if column.keys
            ]
        return drafts

    def _columns(self, file: str, sheet: Sheet, names: Sequence[str]) -> dict[str, Column]:
        """Return what each of *names* gives; a bare one gives what no other name gives."""
        self.names |= {name.strip().casefold(): name.strip() for name in names}
        found = {name: column for name in names if (column := self.find(name)) is not None}
        named = {slot(key) for c in found.values() if not c.bare for key in c.keys}
        columns = {}
        for name, column in found.items():
            keys = column.keys
            if column.bare:
                keys = tuple(key for key in keys if slot(key) not in named)
            columns[name] = Column(keys, column.exact, column.flag, column.bare and len(keys) > 1)
            if not column.keys and name.casefold() != "token":
                self.left_out[name] = None
        self._report_unknown(file, sheet, [name for name in names if name and name not in found])
        return columns

    def _report_unknown(self, file: str, sheet: Sheet, unknown: Sequence[str]) -> None:
        if not unknown:
            return
        cells = sheet.header or tuple(cell for record in sheet.records for cell in record.cells)
        first = next(cell for cell in cells if cell.name in unknown)
        near = {name: near_name(name) for name in unknown}
        self.unknown |= near
        noun = "column" if sheet.header else "member"
        named = listed([_shown(name) for name in unknown], _SHOWN)
        message = f"unknown {noun}{'' if len(unknown) == 1 else 's'} {named}"
        place = SourcePosition(file, first.line, first.column)
        self.findings.add(place, "ICE105", message, _unknown_hint(near))

    def _draft(self, file: str, record: Record, columns: Mapping[str, Column]) -> Draft:
        draft = Draft(SourcePosition(file, record.line, record.column), record.row)
        if record.row:
            draft.filled = frozenset(cell.column for cell in record.cells)
        given = self._given(draft, record, columns)
        if ENCRYPTION in given:
            self._take_encryption(draft, given.pop(ENCRYPTION)[0], given)
        for key in ("organization", "skill", "incoming"):
            if key in given:
                self._take(draft, key, *given.pop(key))
            else:
                self._take_constant(draft, key, key)
        incoming = self._incoming(draft, given)
        self._take_rest(draft, given, incoming)
        for key in self._constants:
            if (own := _resolved(key, incoming)) is not None:
                self._take_constant(draft, own, key)
        return draft

    def _take_rest(
        self, draft: Draft, given: Mapping[str, tuple[Cell, Column]], incoming: str
    ) -> None:
        """Read what depends on the protocol that the server collects by."""
        taken: dict[str, Cell] = {}
        for key, (cell, column) in given.items():
            if column.bare and not _fits_protocol(cell, key, incoming):
                self._check_port(draft, cell, incoming)
            elif (own := _resolved(key, incoming)) is not None:
                if own not in taken:
                    taken[own] = cell
                    self._take(draft, own, cell, column)
                elif not _agree(own, first := taken[own], cell, in_table=draft.row > 0):
                    self._report_twice(draft, cell, first)

    def _given(
        self, draft: Draft, record: Record, columns: Mapping[str, Column]
    ) -> dict[str, tuple[Cell, Column]]:
        """Return by key the cell that gives it; what two cells say differently is told."""
        given: dict[str, tuple[Cell, Column]] = {}
        for cell in record.cells:
            column = columns.get(cell.name)
            if column is None:
                continue
            for key in column.keys:
                if key not in given:
                    given[key] = cell, column
                elif not _agree(key, first := given[key][0], cell, in_table=draft.row > 0):
                    if draft.row and first.name == cell.name:
                        self._report_twins(draft, first, cell, column)
                        break
                    self._report_twice(draft, cell, first)
        return given

    def _incoming(self, draft: Draft, given: Mapping[str, object]) -> str:
        """Return the protocol that the server collects by: as told, as usual, or as it looks."""
        incoming = draft.settings.get("incoming")
        if incoming is not None or "incoming" in draft.unfit:
            return str(incoming or "")
        organization, skill = (draft.settings.get(key) for key in ("organization", "skill"))
        known = isinstance(organization, int) and isinstance(skill, int)
        default = self.collecting(Address(organization, skill) if known else None)  # type: ignore[arg-type]
        blocks = {key.partition(".")[0] for key in given if "." in key} & {*INCOMING_BLOCKS}
        if default or len(blocks) != 1:
            return default
        [block] = blocks
        draft.settings["incoming"] = block
        other = next(name for name in INCOMING_BLOCKS if name != block)
        self.inferred[f"by {block.upper()}: there are no {other.upper()} settings"] += 1
        return block

    def _take(self, draft: Draft, key: str, cell: Cell, column: Column) -> None:
        """Read the cell for *key* into *draft*, or tell what is wrong with it."""
        value = cell.value
        if value is None:
            return
        if value == "":
            draft.emptied.add(key)
        elif isinstance(value, Record) and [inner.name for inner in value.cells] == [_TAG]:
            draft.tagged.add(key)
        else:
            reading = self._read(key, column, value)
            if reading.placeholder and self._counts(draft, key):
                hint = "replace it with the real value"
                reading = _Reading(fault=("ICE507", "looks like a placeholder", hint))
            self._enter(draft, key, reading, cell)

    def _counts(self, draft: Draft, key: str) -> bool:
        """Return whether a placeholder for *key* is an error: a server uses it."""
        in_use = key.partition(".")[0] in {"smtp", draft.settings.get("incoming")}
        return in_use and not self.options.as_is and "ICE507" not in self.options.lenient

    def _enter(self, draft: Draft, key: str, reading: _Reading, cell: Cell | None) -> None:
        if reading.fault is not None and cell is not None:
            draft.unfit.add(key)
            self._report(draft, cell, *reading.fault)
            return
        self.trimmed += reading.trimmed
        if reading.unwrapped and cell is not None:
            self.unwrapped.add((draft.position.file, cell.line, cell.column))
        if reading.value is not None:
            getattr(draft, reading.part)[key] = reading.value

    def _take_constant(self, draft: Draft, key: str, name: str) -> None:
        """Enter what ``--set`` says of *name* as the setting *key*, if *draft* has no value."""
        reading = self._constants.get(name)
        if reading is None or key in draft.settings or key in draft.secrets | draft.presets:
            return
        if key not in draft.unfit and key not in draft.tagged:
            self._enter(draft, key, reading, None)

    def _take_encryption(
        self, draft: Draft, cell: Cell, given: Mapping[str, tuple[Cell, Column]]
    ) -> None:
        """Read both flags from one word; columns of their own must say the same."""
        flags = spell_encryption(cell.value) if isinstance(cell.value, str) else {}
        if not flags:
            draft.unfit |= {"ssl", "tls"}
            message = "must be ssl, starttls or none"
            self._report(draft, cell, "ICE013", message, "or give ssl and tls a column each")
        for key, flag in flags.items():
            if key not in given:
                draft.settings[key] = flag
            elif self._read(key, given[key][1], given[key][0].value).value is (not flag):
                self._report_twice(draft, cell, given[key][0])

    def _read(self, key: str, column: Column, raw: Raw) -> _Reading:
        """Return what *raw* comes to as the setting *key*."""
        memory = self._readings.get((key, column.exact, column.flag))
        if memory is None:
            memory = self._memory(key, column)
        if type(raw) is not str:
            return self._interpret(FIELDS_BY_KEY[row_of(key)], column, raw)
        reading = memory.get(raw)
        if reading is None:
            reading = memory[raw] = self._interpret(FIELDS_BY_KEY[row_of(key)], column, raw)
        return reading

    def _memory(self, key: str, column: Column) -> dict[str, _Reading]:
        """Return what texts came to; they read the same in each block of a protocol."""
        block, _, leaf = key.rpartition(".")
        kind = key if leaf == "preset" or block == "spoofing" else leaf
        memory = self._readings.setdefault((kind, column.exact, column.flag), {})
        self._readings[key, column.exact, column.flag] = memory
        return memory

    def _interpret(self, row: Field, column: Column, raw: Raw) -> _Reading:
        if isinstance(raw, Broken):
            return _Reading(fault=("ICE016", raw.why, raw.hint))
        if not isinstance(raw, str):
            return _Reading(fault=("ICE010", "must be a single value", None))
        try:
            if not self.options.as_is:
                _check_damage(row, raw)
            if row.secret:
                return _read_password(raw, column)
            reading = _read_text(row, column, raw)
            self._judge(row, reading.value)
            if row.leaf in _MAIL and isinstance(reading.value, str):
                reading = reading._replace(placeholder=is_placeholder(reading.value))
        except InvalidValue as unfit:
            return _Reading(fault=(unfit.rule, unfit.message, _HINTS.get(row.key, unfit.hint)))
        else:
            return reading

    def _judge(self, row: Field, value: object) -> None:
        """Refuse a host or an address that the rules of the files refuse as well."""
        if not isinstance(value, str):
            return
        if row.leaf == "host":
            found = on_host.first(Host(row.key, value, in_use=False, live=False))
        elif row.key == _SENDER or row.leaf == "mailbox":
            found = on_address.first(MailAddress(row.key, value, in_use=False))
        else:
            found = []
        for rule, violation in found:
            severity = violation.severity or DECLARED[rule].severity
            if severity is not Severity.ERROR or rule in self.options.lenient:
                continue
            if value.count("@") > 1:
                raise InvalidValue(rule, "holds more than one address", "write one address")
            message = violation.message.removeprefix(f"`{row.key}` ")
            raise InvalidValue(rule, message, violation.hint)

    def _check_port(self, draft: Draft, cell: Cell, incoming: str) -> None:
        """Tell of a port of no known protocol; one of the other protocol is simply not of this."""
        if str(cell.value).strip() not in _PORTS and incoming:
            flags = " or ".join(f"--map '{plain(cell.name)}={b}.port'" for b in ("smtp", incoming))
            self._report(draft, cell, "ICE301", "does not say which protocol it is for", flags)

    def _report_twice(self, draft: Draft, cell: Cell, first: Cell) -> None:
        other = plain(first.name) if first.name != cell.name else f"line {first.line}"
        message = f"is given twice, with another value under {other}"
        self._report(draft, cell, "ICE106", message, "keep the one that is right")

    def _report_twins(self, draft: Draft, first: Cell, cell: Cell, column: Column) -> None:
        """Tell once of two columns of one name; what they give is not missing besides."""
        leaves = {key.rpartition(".")[2] for key in column.keys if "." in key}
        draft.unfit |= {*column.keys}
        draft.unfit |= {f"{block}.{leaf}" for block in BLOCKS for leaf in leaves}
        file, line = draft.position.file, self._headers[draft.position.file]
        pair = (file, first.column, cell.column)
        if pair in self._twins:
            return
        self._twins.add(pair)
        where = f"{letters(first.column)} and {letters(cell.column)}"
        message = f"two columns are named {_shown(cell.name)} ({where}), with different values"
        hint = f"delete one of them, or rename it to `Notes` in row {line}"
        if leaves:
            [leaf] = leaves
            names = (f"`{block} {leaf.replace('_', ' ')}`" for block in ("SMTP", "Incoming"))
            hint = f"rename them to {' and '.join(names)} in row {line}"
        self.findings.add(SourcePosition(file, line, cell.column), "ICE106", message, hint)

    def _report(self, draft: Draft, cell: Cell, rule: str, message: str, hint: str | None) -> None:
        """Tell *message* of a cell: by its name in a sheet, else by its place in the file."""
        position, place = draft.position, ""
        if draft.row:
            place = f"{letters(cell.column)}{draft.row}"
        else:
            position = SourcePosition(position.file, cell.line, cell.column)
        self.findings.add(
            position, rule, message, hint, subject=f"`{plain(cell.name)}`", place=place
        )


def _unknown_hint(near: Mapping[str, str]) -> str:
    """Return what to do about names that nobody knows, each with the nearest known one."""
    guessed = [f"--map {shlex.quote(f'{odd}={known}')}" for odd, known in near.items() if known]
    strange = [odd for odd, known in near.items() if not known]
    parts = []
    if guessed:
        meant = "it is" if len(guessed) == 1 else "they are"
        parts.append(f"add `{' '.join(guessed[:8])}` if that is what {meant}")
    if strange:
        what = "it is" if len(near) == 1 else "the others are" if guessed else "they are"
        parts.append(f"say what {what} with --map {shlex.quote(f'{strange[0]}=SETTING')}")
    left = shlex.quote(f"{(strange or list(near))[0]}=")
    one = "it" if len(near) == 1 else "one"
    return f"{', '.join(parts)}, or leave {one} out with `--map {left}`"


_SENDER: Final = "spoofing.address"
_MAIL: Final = frozenset({"host", "mailbox", "username"})
"""Texts that are sent, and that somebody may have meant to fill in."""
_HINTS: Final = {
    **{row.key: "write yes or no" for row in FIELDS if row.kind is Kind.FLAG},
    "skill": "write the number of the queue in ICE, such as 663",
}
_LINKED: Final = re.compile(
    r"mailto:([^?\s]+)(?:\?.*)?|[^<>]*<(?:mailto:)?([^<>\s@]+@[^<>\s@]+)>", re.IGNORECASE
)
"""An address as a link, or with the name of a person."""
_OWN_WORDS: Final = (Kind.LOGIN, Kind.MODE, Kind.PRESET)
"""Kinds that have words such as ``none`` of their own."""


def _check_damage(row: Field, raw: str) -> None:
    """Refuse *raw* if it looks broken: what a spreadsheet, a mask or a slip left of a value."""
    what = "" if row.kind in _OWN_WORDS else damage(raw)
    hint = "write the real value"
    rule = "ICE507"
    secret = row.kind is Kind.SECRET
    if isinstance(raw, NumberCell) and (secret or (row.kind is Kind.TEXT and row.key != "name")):
        what = (
            "is a number in the workbook, so leading zeros and digits after the fifteenth are lost"
        )
        hint = "format the column as text, then type the value again"
    elif not what and secret and (raw != raw.strip() or "\ufeff" in raw):
        rule, what, hint = "ICE405", "starts or ends with a space", "remove it"
    elif not what and row.key.endswith(".host") and (slip := near_miss(raw.strip().lower())):
        rule, what, hint = "ICE508", f"looks like a typo of {slip.meant}", f"write {slip.meant}"
    if what:
        raise InvalidValue(rule, what, f"{hint}; --as-is takes it as it is")


def _read_text(row: Field, column: Column, raw: str) -> _Reading:
    text = raw.strip()
    wrapped = None
    if row.key == _SENDER or row.leaf in {"mailbox", "username"}:
        wrapped = _LINKED.fullmatch(text)
        text = wrapped[1] or wrapped[2] if wrapped else text
    spelled = spell(row, text, flag=column.flag)
    if row.kind is Kind.ID and row.role is Role.SENT and spelled == "0":
        return _Reading()  # what the service binds to none
    if row.kind is Kind.TEXT:
        spelled = Quoted(spelled)
    stranger = find_unprintable(spelled)
    if stranger:
        message = f"contains the character {name_character(stranger)}"
        raise InvalidValue("ICE003", message, "use one line of printable text")
    value, trimmed = read_value(row, spelled), row.kind is Kind.TEXT and text != raw
    part: _Part = "presets" if row.role is Role.PRESET else "settings"
    unwrapped = wrapped is not None
    return _Reading(value, None, trimmed and not unwrapped, unwrapped, part)


def _read_password(raw: str, column: Column) -> _Reading:
    if column.exact or not raw.startswith("ref+"):
        # Under its name in a request it is a password, whatever it looks like.
        return _Reading(SecretValue(raw), part="secrets")
    reference = read_secret_ref(raw.strip())
    if isinstance(reference, SecretRef):
        return _Reading(reference, part="secrets")
    raise InvalidValue("ICE410", "is not a valid reference", reference.message)


@cache
def _resolved(key: str, incoming: str) -> str | None:
    """Return *key* as a setting: ``incoming.host`` is that of the protocol *incoming*."""
    block, _, leaf = key.partition(".")
    if block != COLLECTING or not leaf:
        return key
    return f"{incoming}.{leaf}" if incoming else None


def slot(key: str) -> str:
    """Return what *key* is for, where POP3, IMAP and the one of them in use are one."""
    block, _, leaf = key.partition(".")
    return f"{COLLECTING}.{leaf}" if leaf and block in INCOMING_BLOCKS else key


def _fits_protocol(cell: Cell, key: str, incoming: str) -> bool:
    """Return whether *cell* can give *key*, if that is a port; what is no number is told later."""
    block, _, leaf = key.partition(".")
    if leaf != "port":
        return True
    text = cell.value.strip() if isinstance(cell.value, str) else ""
    return not text.isdecimal() or _PORTS.get(text) == (incoming if block == COLLECTING else block)


def _agree(key: str, first: Cell, second: Cell, *, in_table: bool) -> bool:
    """Return whether a setting that came under two names says the same under both."""
    comparable = in_table or (first.name != second.name and not is_secret(key))
    return comparable and first.value == second.value


def plain(name: str) -> str:
    """Return the name of a column as it can be shown."""
    bare = name.strip()[:60]
    return bare if bare.isprintable() else printable(bare)


def _shown(name: str) -> str:
    return f"`{plain(name)}`"


def row_name(draft: Draft) -> str:
    """Return where *draft* stands, for a list of places: its row, else line and column."""
    return f"row {draft.row}" if draft.row else f"{draft.position.line}:{draft.position.column}"
