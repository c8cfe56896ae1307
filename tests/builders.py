"""Small makers of servers, entries and plans, so that a test says only what matters to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from icesync.codec.fingerprint import FingerprintKey, fingerprint
from icesync.codec.state import encode_state, seal
from icesync.diagnostics import SourcePosition
from icesync.model.desired import (
    Address,
    DesiredServer,
    DesiredState,
    Given,
    LayerKind,
    Move,
    Removal,
    RemovalAction,
)
from icesync.model.plan import Selection
from icesync.model.secret import SecretRef, SecretValue, parse_secret_ref
from icesync.model.snapshot import Entry, EntryStatus, SecretRecord, Snapshot
from icesync.planner.plan import make_plan

if TYPE_CHECKING:
    from collections.abc import Iterable

    from icesync.model.fields import Setting
    from icesync.model.plan import Plan
    from icesync.model.secret import SecretFindings

__all__ = [
    "BASE_URL",
    "BILLING",
    "KEY",
    "LINEAGE",
    "SALES",
    "SALT",
    "SETTINGS",
    "SUPPORT",
    "Place",
    "desired",
    "entry",
    "every_action",
    "move",
    "plan",
    "position",
    "ref",
    "removal",
    "secret_record",
    "server",
    "snapshot",
    "stored_bytes",
]

SUPPORT: Final = Address(59, 663)
SALES: Final = Address(59, 664)
BILLING: Final = Address(70, 1)

BASE_URL: Final = "https://ice.example.test/ICEAPI"
LINEAGE: Final = "6f1f5a0e-3f3b-4c53-9b1c-0d4b1d1f6a11"
KEY: Final = FingerprintKey(bytes(range(32)))
SALT: Final = bytes(range(16))

SETTINGS: Final[Mapping[str, Setting]] = {
    "status": "Enabled",
    "active": True,
    "incoming": "pop3",
    "ssl": False,
    "tls": True,
    "smtp.host": "smtp.example.test",
    "smtp.port": 587,
    "smtp.username": "support",
    "smtp.mailbox": "support@example.test",
    "smtp.poll_rate": 10,
}
"""A small record that is complete enough to be sent."""


class Place:
    """
    An origin that puts each key on its own line of one file, in alphabetical order.

    Where *keys* are a mapping, they come with their values.
    """

    def __init__(self, file: str, keys: Iterable[str]) -> None:
        self._file = file
        ordered = sorted(keys, key=lambda key: (key == "name", key))
        self._values = keys if isinstance(keys, Mapping) else {}
        self._lines = {key: number for number, key in enumerate(ordered, start=2)}

    @property
    def file(self) -> str:
        """The one file."""
        return self._file

    def position(self, key: str = "") -> SourcePosition:
        """Return the line of *key*; line 1 for the server itself."""
        return SourcePosition(self._file, self._lines.get(key, 1))

    def files(self) -> frozenset[str]:
        """Return the one file."""
        return frozenset({self._file})

    def chain(self, key: str) -> tuple[Given, ...]:
        """Return the value of *key* as the server gives it, if it was told."""
        value = self._values.get(key)
        return () if value is None else (Given(LayerKind.SERVER, value, self.position(key)),)


def position(line: int = 1, file: str = "servers/eu.yaml") -> SourcePosition:
    """Return a place in a server file."""
    return SourcePosition(file, line)


def ref(text: str) -> SecretRef:
    """Return the reference ``ref+fake://TEXT``."""
    found = parse_secret_ref(f"ref+fake://{text}")
    assert found is not None
    return found


def server(
    address: Address = SUPPORT,
    secrets: Mapping[str, str] | None = None,
    name: str = "",
    **changed: Setting | None,
) -> DesiredServer:
    """
    Return a wanted server: :data:`SETTINGS` with *changed*, where ``__`` stands for a dot.

    None takes a setting out. *secrets* gives what follows ``ref+fake://``.
    """
    given = {key.replace("__", "."): value for key, value in changed.items()}
    settings = {key: value for key, value in {**SETTINGS, **given}.items() if value is not None}
    references = {key: ref(text) for key, text in (secrets or {}).items()}
    named = {"name": name} if name else {}
    origin = Place(f"servers/{address.organization}.yaml", settings | references | named)
    return DesiredServer(address, settings, references, origin, name)


def desired(
    *servers: DesiredServer, removals: Iterable[Removal] = (), moves: Iterable[Move] = ()
) -> DesiredState:
    """Return a desired state of *servers*, *removals* and *moves*."""
    return DesiredState(
        {s.address: s for s in servers},
        {r.address: r for r in removals},
        {m.address: m for m in moves},
    )


def move(address: Address, source: Address, line: int = 95) -> Move:
    """Return an entry of ``moved:``."""
    return Move(address, source, position(line))


def removal(address: Address = SUPPORT, action: str = "disable") -> Removal:
    """Return an entry of ``removed:``."""
    return Removal(address, RemovalAction(action), position(90))


def secret_record(
    text: str,
    value: str | None = None,
    address: Address = SUPPORT,
    key: str = "smtp.password",
) -> SecretRecord:
    """Return the record of ``ref+fake://TEXT``; with *value*, its fingerprint too."""
    if value is None:
        return SecretRecord(ref(text).text)
    made = fingerprint(KEY, address, key, SALT, SecretValue(value))
    return SecretRecord(ref(text).text, made)


def entry(
    status: EntryStatus = EntryStatus.APPLIED,
    secrets: Mapping[str, SecretRecord] | None = None,
    **changed: Setting | None,
) -> Entry:
    """Return an acknowledged entry: :data:`SETTINGS` with *changed*, as in :func:`server`."""
    given = {key.replace("__", "."): value for key, value in changed.items()}
    settings = {key: value for key, value in {**SETTINGS, **given}.items() if value is not None}
    return Entry(
        status,
        settings,
        secrets or {},
        applied_at="2026-01-01T00:00:00Z",
        revision="0123456789abcdef",
        intent=None if status is EntryStatus.APPLIED else "sha256:intent",
        attempted_at=None if status is EntryStatus.APPLIED else "2026-01-02T00:00:00Z",
    )


def snapshot(
    entries: Mapping[Address, Entry] | None = None,
    *,
    key_id: str | None = None,
    serial: int = 4,
) -> Snapshot:
    """Return a stored snapshot of sealed *entries*."""
    sealed = {address: seal(address, given) for address, given in (entries or {}).items()}
    return Snapshot(BASE_URL, serial, LINEAGE, key_id, entries=sealed)


def stored_bytes(entries: Mapping[Address, Entry] | None = None, **named: object) -> bytes:
    """Return :func:`snapshot` as a store holds it."""
    return encode_state(snapshot(entries, **named), "0.1.0")  # type: ignore[arg-type]


def plan(
    wanted: DesiredState,
    before: Snapshot | None = None,
    findings: SecretFindings | None = None,
    selection: Selection | None = None,
) -> Plan:
    """Return the plan from *before*, an empty snapshot unless given, to *wanted*."""
    return make_plan(wanted, before or snapshot(), findings, selection)


def every_action() -> Plan:
    """Return a plan of eight servers, 59/1 to 59/8, in which each action stands once."""
    added, updated, resent, disabled, forgotten, orphan, kept, moved = (
        Address(59, skill) for skill in range(1, 9)
    )
    left = Address(59, 666)
    passwords = {"smtp.password": "smtp", "pop3.password": "pop3"}
    known = {"smtp.password": secret_record("smtp")}
    made = plan(
        desired(
            server(added, passwords, "Support EU"),
            server(updated, passwords, smtp__port=465, spoofing__enabled=True),
            server(resent),
            server(kept),
            server(moved, {"smtp.password": "smtp"}, smtp__port=465),
            removals=[removal(disabled), removal(forgotten, "forget")],
            moves=[move(moved, left)],
        ),
        snapshot(
            {
                updated: entry(secrets=known, email_server_id=17),
                resent: entry(EntryStatus.UNCERTAIN),
                disabled: entry(secrets=known),
                forgotten: entry(),
                orphan: entry(),
                kept: entry(),
                left: entry(secrets=known),
            },
            key_id=KEY.id,
        ),
        selection=Selection(targets=("59/*",), excludes=("59/9",), resend=("59/3",)),
    )
    first = made.changes[0]
    tagged = tuple(replace(secret, tag="00ff") for secret in first.secrets)
    return replace(made, changes=(replace(first, secrets=tagged), *made.changes[1:]))
