"""From drafts, whose members are known, to servers whose values fit: by the rules of the files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from icesync.config.values import InvalidValue, missing_keys, read_value
from icesync.config.yaml.syntax import Quoted, find_unprintable, name_character
from icesync.diagnostics import Diagnostic
from icesync.model.address import Address
from icesync.model.fields import (
    FIELDS,
    FIELDS_BY_KEY,
    LOGIN_KEYS,
    NO_LOGIN,
    Field,
    Kind,
    Role,
    needs_login,
)
from icesync.model.imported import ImportedServer
from icesync.model.secret import SecretRef, SecretValue

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from icesync.model.fields import Setting
    from icesync.model.imported import Draft, Text

__all__ = ["build_servers"]

_SECRET_ROWS: Final = tuple(row for row in FIELDS if row.secret)
_VALUE_ROWS: Final = tuple(r for r in FIELDS if r.role is not Role.ADDRESS and not r.secret)


def build_servers(
    drafts: Iterable[Draft],
    taken: Mapping[Address, str],
    refer: Callable[[Address, str], SecretRef],
) -> tuple[tuple[ImportedServer, ...], tuple[Diagnostic, ...]]:
    """
    Return the servers of *drafts*, sorted by address, and everything that does not fit.

    *taken* are the addresses that are defined already, with their places;
    *refer* makes the reference of a password.
    """
    builder = _Builder(taken, refer)
    for draft in drafts:
        builder.add(draft)
    return tuple(server for _, server in sorted(builder.servers.items())), tuple(builder.problems)


class _Builder:
    """Collects servers and findings over all drafts."""

    def __init__(
        self, taken: Mapping[Address, str], refer: Callable[[Address, str], SecretRef]
    ) -> None:
        self.taken = taken
        self.refer = refer
        self.servers: dict[Address, ImportedServer] = {}
        self.problems: list[Diagnostic] = []

    def add(self, draft: Draft) -> None:
        organization, skill = (self._id(draft, key) for key in ("organization", "skill"))
        settings = {}
        for row in _VALUE_ROWS:
            text = draft.texts.get(row.key)
            value = None if text is None or _is_nothing(row, text) else self._read(row, text)
            if value is not None:
                settings[row.key] = value
        if organization is None or skill is None:
            return
        if "smtp.host" in settings and draft.emptied.issuperset(LOGIN_KEYS):
            settings["smtp.login"] = NO_LOGIN
        name = str(settings.pop("name", ""))
        guessed = "active" not in draft.texts and "status" in settings
        if guessed:
            settings["active"] = settings["status"] == "Enabled"
        address = Address(organization, skill)
        references, values = self._secrets(draft, address, settings)
        self._report_missing(draft, address, settings, references)
        server = ImportedServer(
            address, settings, references, values, draft.position, name, guessed
        )
        self._enter(server)

    def _id(self, draft: Draft, key: str) -> int | None:
        text = draft.texts.get(key)
        row = FIELDS_BY_KEY[key]
        if text is None:
            hint = f"every server needs its {key}"
            message = f"`{row.wire[0]}` is missing"
            self.problems.append(Diagnostic("ICE101", message, draft.position, hint))
            return None
        value = self._read(row, text)
        return value if isinstance(value, int) else None

    def _read(self, row: Field, text: Text) -> Setting | None:
        """Return the typed value of *text*, or None and a finding that does not quote it."""
        spelled = Quoted(text.text) if row.kind is Kind.TEXT else text.text
        stranger = find_unprintable(spelled)
        if stranger:
            told = f"holds the character {name_character(stranger)}"
            self._report(text, "ICE003", told, "a value is one line of printable text")
            return None
        try:
            value = read_value(row, spelled)
        except InvalidValue as unfit:
            self._report(text, unfit.rule, unfit.message, unfit.hint)
            return None
        return None if isinstance(value, SecretRef) else value

    def _report(self, text: Text, rule: str, told: str, hint: str | None) -> None:
        self.problems.append(Diagnostic(rule, f"`{text.name}` {told}", text.position, hint))

    def _secrets(
        self, draft: Draft, address: Address, settings: Mapping[str, Setting]
    ) -> tuple[dict[str, SecretRef], dict[str, SecretValue]]:
        """Return a reference for each password, and the passwords that came along."""
        in_use = {"smtp", settings.get("incoming")}
        references, values = {}, {}
        for row in _SECRET_ROWS:
            given = draft.secrets.get(row.key)
            if row.key in LOGIN_KEYS and not needs_login(settings):
                continue
            if isinstance(given, SecretRef):
                references[row.key] = given
            elif given is not None or row.block in in_use or row.key in draft.tagged:
                references[row.key] = self.refer(address, row.block)
            if isinstance(given, SecretValue):
                values[row.key] = given
        return references, values

    def _report_missing(
        self,
        draft: Draft,
        address: Address,
        settings: Mapping[str, Setting],
        references: Mapping[str, SecretRef],
    ) -> None:
        missing = [
            f"`{FIELDS_BY_KEY[key].wire[0]}`"
            for key in missing_keys(settings, references)
            # What was given has a finding of its own; `active` follows `status`.
            if key != "active" and _gives_nothing(draft, key)
        ]
        if missing:
            message = f"{address}: no value for {', '.join(missing)}"
            hint = "a call without it makes it empty or false; add it to what is imported"
            self.problems.append(Diagnostic("ICE107", message, draft.position, hint))

    def _enter(self, server: ImportedServer) -> None:
        address, position = server.address, server.position
        first = self.servers.setdefault(address, server)
        if first is not server:
            told = f"{address} is imported twice, here and at {first.position}"
            self.problems.append(Diagnostic("ICE102", told, position, "keep one of the two"))
        elif address in self.taken:
            told = f"{address} exists already: {self.taken[address]}"
            hint = "import only adds servers; leave this one out"
            self.problems.append(Diagnostic("ICE017", told, position, hint))


def _gives_nothing(draft: Draft, key: str) -> bool:
    text = draft.texts.get(key)
    return text is None or _is_nothing(FIELDS_BY_KEY[key], text)


def _is_nothing(row: Field, text: Text) -> bool:
    """Return whether *text* stands for no id at all: 0 is what the service binds to none."""
    return row.kind is Kind.ID and row.role is Role.SENT and text.text == "0"
