"""
From drafts to servers: defaults and presets merged, addresses unique, nothing missing.

What servers lack is told once for all that lack the same.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from icesync.config.resolve import fill
from icesync.config.values import Layer, missing_keys
from icesync.engine.drafts import EXAMPLE, Findings, plain, row_name, slot
from icesync.errors import listed
from icesync.model.desired import Address, DesiredServer
from icesync.model.fields import (
    FIELDS,
    FIELDS_BY_KEY,
    LOGIN_KEYS,
    NO_LOGIN,
    Kind,
    Role,
    Setting,
    needs_login,
)
from icesync.model.imported import Draft, ImportedServer
from icesync.model.presets import find_preset
from icesync.model.secret import SecretRef, SecretValue
from icesync.sheet.columns import find_column
from icesync.sheet.table import letters
from icesync.sheet.values import provider_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

_SECRET_ROWS: Final = tuple(row for row in FIELDS if row.secret)


class Builder:
    """Makes servers of drafts; what a server lacks is told once for all that lack it."""

    def __init__(
        self,
        findings: Findings,
        refer: Callable[[Address, str], SecretRef],
        base: Callable[[Address], Layer],
        existing: Mapping[Address, DesiredServer],
        taken: Mapping[Address, str],
        unknown: Iterable[str],
        headings: Mapping[tuple[str, str], tuple[str, int]],
    ) -> None:
        self.findings = findings
        self.refer = refer
        self.base = base
        self.existing = existing
        self.taken = taken
        self.headings = headings
        columns = (find_column(name) for name in unknown if name)
        self._misspelled = {slot(key) for column in columns if column for key in column.keys}
        """what a column with a slip in its name was to give: it is told once"""
        self.servers: dict[Address, ImportedServer] = {}
        self.missing: dict[str, int] = {}
        """settings that no value was found for, and of how many servers"""
        self.inferred: Counter[str] = Counter()
        """what was inferred, in words, and for how many servers"""
        self.absent: list[tuple[Address, str]] = []
        """new passwords that did not come along"""
        self._named = True
        self._drafts: Counter[str] = Counter()
        self._rows: dict[Address, list[str]] = {}
        self._empty: dict[tuple[str, str, int], tuple[dict[str, None], list[Draft]]] = {}
        """by file and column, the settings that empty cells do not give"""
        self._lacking: dict[tuple[str, tuple[str, ...]], list[tuple[Draft, Address]]] = {}

    def add(self, drafts: Sequence[Draft]) -> tuple[ImportedServer, ...]:
        """Return the servers of *drafts*, sorted by address."""
        self._named = any(key.endswith(".username") for d in drafts for key in d.settings)
        self._drafts = Counter(draft.position.file for draft in drafts)
        for draft in drafts:
            if draft.settings.get("name") == EXAMPLE:
                message = "is the example of the template"
                self.findings.add(draft.position, "ICE016", message, "replace it with your servers",
                                  subject=f"row {draft.row}")  # fmt: skip
            else:
                self._add(draft)
        self._report_missing()
        self._report_repeated()
        return tuple(server for _, server in sorted(self.servers.items()))

    def _add(self, draft: Draft) -> None:
        organization, skill = (draft.settings.pop(k, None) for k in ("organization", "skill"))
        if not isinstance(organization, int) or not isinstance(skill, int):
            given = (("organization", organization), ("skill", skill))
            lacking = [key for key, value in given if value is None and key not in draft.unfit]
            # What else is missing is told in the same run.
            self._build(draft, Address(0, 0), lacking)
            return
        address = Address(organization, skill)
        self._rows.setdefault(address, []).append(row_name(draft))
        if address in self.taken:
            self.findings.add(draft.position, "ICE017", self.taken[address],
                              "leave it out", subject=str(address))  # fmt: skip
        if address not in self.servers:
            self.servers[address] = self._build(draft, address)

    def _build(self, draft: Draft, address: Address, lacking: Sequence[str] = ()) -> ImportedServer:
        base = self.base(address)
        name = str(draft.settings.pop("name", ""))
        given: dict[str, Setting] = dict(draft.settings)
        if "smtp.host" in given and draft.emptied.issuperset(LOGIN_KEYS):
            given["smtp.login"] = NO_LOGIN
        merged = {**base.settings, **given}
        guessed = "active" not in merged and "status" in merged and "active" not in draft.unfit
        if guessed:
            given["active"] = merged["status"] == "Enabled"
        if draft.row and not self._named:
            mailboxes = [key for key in draft.unfit if key.endswith(".mailbox")]
            draft.unfit.update(f"{key.partition('.')[0]}.username" for key in mailboxes)
            given.update(self._logins(merged))
        merged.update(given)
        presets = {**base.presets, **draft.presets} or self._preset_of_mailbox(merged)
        references, values = self._secrets(draft, address, merged, base)
        secrets = {**base.secrets, **references}
        if presets:
            merged = fill(merged, secrets, presets).settings
        if not needs_login(merged):
            secrets = {k: r for k, r in secrets.items() if k not in LOGIN_KEYS}
        self._check_missing(draft, address, [*lacking, *missing_keys(merged, secrets)])
        if address in self.existing:
            given.update(_moved(draft.presets, merged))
        else:
            given = {k: v for k, v in given.items() if base.settings.get(k) != v}
            given.update({k: v for k, v in presets.items() if base.presets.get(k) != v})
        return ImportedServer(
            address, given, merged, references, values, draft.position, name, guessed
        )

    def _check_missing(self, draft: Draft, address: Address, missing: Sequence[str]) -> None:
        """Note what is missing and has no finding yet; ``active`` follows ``status``."""
        keys = [key for key in missing if key not in draft.unfit and key != "active"]
        if keys:
            self._lacks(draft, address, keys)

    def _logins(self, settings: Mapping[str, Setting]) -> dict[str, Setting]:
        """Return user names for a table that has none: the address of the mailbox."""
        found = {
            f"{block}.username": settings[f"{block}.mailbox"]
            for block in ("smtp", settings.get("incoming"))
            if f"{block}.mailbox" in settings and f"{block}.username" not in settings
        }
        self.inferred["the user name is the address of the mailbox"] += bool(found)
        return found

    def _preset_of_mailbox(self, settings: Mapping[str, Setting]) -> dict[str, str]:
        """Return the preset of the provider that gave out the mailbox, where no host is given."""
        incoming = settings.get("incoming")
        if "smtp.host" in settings or f"{incoming}.host" in settings:
            return {}
        names = {
            provider_of(str(settings[key]))
            for key in ("smtp.mailbox", f"{incoming}.mailbox")
            if key in settings
        }
        preset = find_preset(next(iter(names))) if len(names) == 1 else None
        if preset is None or not {"smtp", incoming or "smtp"} <= preset.offers.keys():
            return {}
        self.inferred[f"preset {preset.name}, by the domain of the mailbox"] += 1
        return {"preset": preset.name}

    def _secrets(
        self, draft: Draft, address: Address, settings: Mapping[str, Setting], base: Layer
    ) -> tuple[dict[str, SecretRef], dict[str, SecretValue]]:
        """Return a reference for each password, and the passwords that came along."""
        in_use = {"smtp", settings.get("incoming")}
        references, values = {}, {}
        for row in _SECRET_ROWS:
            given = draft.secrets.get(row.key)
            if row.key in LOGIN_KEYS and not needs_login(settings):
                continue
            wanted = row.block in in_use and row.key not in base.secrets
            if isinstance(given, SecretRef):
                references[row.key] = given
            elif given is not None or wanted or row.key in draft.tagged:
                references[row.key] = self.refer(address, row.block)
                if given is None and row.key not in draft.tagged:
                    self.absent.append((address, row.block))
            if isinstance(given, SecretValue):
                values[row.key] = given
        return references, values

    def _lacks(self, draft: Draft, address: Address, keys: Sequence[str]) -> None:
        names = tuple(key for key in keys if slot(key) not in self._misspelled)
        if not names:
            return
        file, strange = draft.position.file, []
        for key in names:
            self.missing[key] = self.missing.get(key, 0) + 1
            heading = self._heading(draft, key)
            if heading is None:
                strange.append(key)
                continue
            told, drafts = self._empty.setdefault((file, *heading), ({}, []))
            told[key] = None
            if not drafts or drafts[-1] is not draft:
                drafts.append(draft)
        if strange:
            self._lacking.setdefault((file, tuple(strange)), []).append((draft, address))

    def _heading(self, draft: Draft, key: str) -> tuple[str, int] | None:
        """Return the column, by name and number, whose cell would give *key* and is empty."""
        block, _, leaf = slot(key).rpartition(".")
        wanted = [slot(key)]
        if leaf in {"host", "port", "ssl", "tls"} and not draft.presets:
            wanted += [f"{block}.preset" if block else "preset", "preset"]
        found = (self.headings.get((draft.position.file, one)) for one in wanted)
        return next((h for h in found if h is not None and h[1] not in draft.filled), None)

    def _report_missing(self) -> None:
        for (_, name, column), (told, drafts) in self._empty.items():
            rule = "ICE101" if {"organization", "skill"} & told.keys() else "ICE107"
            ways = _flags(list(told))
            hint = f"fill it in, or: {ways}" if ways else "fill it in"
            for draft in drafts:
                place = f"{letters(column)}{draft.row}"
                self.findings.add(draft.position, rule, "is empty", hint,
                                  subject=f"`{plain(name)}`", place=place)  # fmt: skip
        for (file, keys), lacking in self._lacking.items():
            first = lacking[0][0]
            named = ", ".join(f"`{key}`" for key in keys)
            rule = "ICE101" if {"organization", "skill"} & {*keys} else "ICE107"
            message = f"no value for {named}"
            names = [
                str(address) if address.organization else row_name(draft)
                for draft, address in lacking
            ]
            subject = f"{listed(names)}:"
            if first.row and len(lacking) == self._drafts[file]:
                subject, message = "", f"no column gives {named}"
            self.findings.add(first.position, rule, message, _ways(keys), subject=subject)

    def _report_repeated(self) -> None:
        repeated = {a: rows for a, rows in self._rows.items() if len(rows) > 1}
        if repeated:
            first = self.servers[next(iter(repeated))]
            each = [f"{a} ({', '.join(rows)})" for a, rows in repeated.items()]
            message = f"given more than once: {listed(each)}"
            self.findings.add(first.position, "ICE102", message, "keep one row of each server")


def _moved(presets: Mapping[str, str], settings: Mapping[str, Setting]) -> dict[str, Setting]:
    """Return the hosts and ports of *presets* where *settings* name a host of somebody else."""
    incoming = {k: v for k, v in settings.items() if k == "incoming"}
    filled = fill(incoming, {}, presets)
    found: dict[str, Setting] = {}
    for block, name in filled.presets.items():
        offer = find_preset(name).offers[block]  # type: ignore[union-attr]
        if settings.get(f"{block}.host") not in {offer.host, *offer.also}:
            keys = (f"{block}.host", f"{block}.port")
            found |= {key: filled.settings[key] for key in keys}
    return found


def _ways(keys: Sequence[str]) -> str:
    """Return how the settings *keys* can be given."""
    flags = _flags(keys)
    return f"add a column, or: {flags}" if flags else "add a column"


def _flags(keys: Sequence[str]) -> str:
    """Return the options that give the settings *keys* to all servers, with a usual value."""
    flags = []
    for key in keys:
        row, (block, _, leaf) = FIELDS_BY_KEY[key], key.rpartition(".")
        if row.role is Role.ADDRESS:
            flags += ["--set organization=ID"] * (key == "organization")
        elif row.kind in _USUAL:
            flags.append(f"--set {leaf if block else key}={_USUAL[row.kind] or row.example}")
        elif leaf in {"host", "port"}:
            flags.append("--set preset=PROVIDER")
    return " ".join(dict.fromkeys(flags))


_USUAL: Final = {Kind.FLAG: "", Kind.STATUS: "", Kind.POLL_RATE: "10", Kind.INCOMING: "imap"}
"""Kinds that all servers may share, with a value; none is that of the field table."""
