"""The snapshot for people: what was acknowledged, and how long ago."""

from __future__ import annotations

from typing import TYPE_CHECKING

from icesync.model.fields import SETTING_FIELDS, Setting
from icesync.render.style import Style, age, quote, safe

if TYPE_CHECKING:
    from datetime import datetime

    from icesync.model.desired import Address
    from icesync.model.snapshot import Entry, Snapshot
    from icesync.render import documents


def render_snapshot(snapshot: Snapshot, place: str, now: datetime, style: Style) -> str:
    """Return the snapshot's head and one line for each entry."""
    head = style.paint(safe(place), "bold")
    count = len(snapshot.entries)
    servers = "1 server" if count == 1 else f"{count} servers"
    lines = [f"{head}: serial {snapshot.serial}, {servers}, target {safe(snapshot.base_url)}"]
    return "\n".join(lines) + "\n" + render_entries(snapshot, now, style)


def render_entries(snapshot: Snapshot, now: datetime, style: Style) -> str:
    """Return one line for each entry: address, status, age, commit; sorted by address."""
    lines = []
    width = max((len(str(address)) for address in snapshot.entries), default=0)
    for address, entry in sorted(snapshot.entries.items()):
        status = style.paint(f"{entry.status:<9}", _colour(entry))
        ago = age(entry.applied_at, now)
        message = f"confirmed {ago}" if entry.applied_at else "never confirmed"
        commit = f"  {safe(entry.revision)[:12]}" if entry.revision else ""
        lines.append(f"{address!s:<{width}}  {status}  {message}{style.paint(commit, 'dim')}\n")
    return "".join(lines)


def _colour(entry: Entry) -> str:
    if entry.uncertain:
        return "yellow"
    return "cyan" if entry.assumed else "green"


def render_entry(address: Address, entry: Entry, now: datetime, style: Style) -> str:
    """Return everything that the snapshot says about one server."""
    lines = [f"{style.paint(str(address), 'bold')}  {entry.status}"]
    facts = {
        "confirmed": f"{age(entry.applied_at, now)} ({entry.applied_at})"
        if entry.applied_at
        else "never",
        "last attempt": entry.attempted_at,
        "commit": entry.revision,
        "moved from": str(entry.bound_to) if entry.bound_to else None,
    }
    lines += [f"  {style.paint(f'{k}:', 'dim')} {safe(v)}" for k, v in facts.items() if v]
    rows = [
        (f.key, _shown(entry.settings[f.key])) for f in SETTING_FIELDS if f.key in entry.settings
    ]
    rows += [
        (safe(key), f"(sensitive) from {safe(record.reference)}")
        for key, record in sorted(entry.secrets.items())
    ]
    width = max((len(key) for key, _ in rows), default=0)
    lines += [f"  {key:<{width}}  {value}" for key, value in rows]
    return "\n".join(lines) + "\n"


def _shown(value: Setting) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return quote(value) if isinstance(value, str) else safe(str(value))


def entry_document(address: Address, entry: Entry) -> documents.EntryDocument:
    """Return one entry as plain data, without salts and fingerprints."""
    return {"kind": "icesync-entry", "format_version": "1.0", **_plain(address, entry)}


def entries_document(snapshot: Snapshot) -> documents.StateList:
    """Return all entries as plain data."""
    return {
        "kind": "icesync-entries",
        "format_version": "1.0",
        "serial": snapshot.serial,
        "lineage": snapshot.lineage,
        "servers": [_plain(a, e) for a, e in sorted(snapshot.entries.items())],
    }


def _plain(address: Address, entry: Entry) -> documents.EntryShown:
    return {
        "address": str(address),
        "status": entry.status,
        "applied_at": entry.applied_at,
        "attempted_at": entry.attempted_at,
        "revision": entry.revision,
        "settings": dict(entry.settings),
        "secrets": {key: record.reference for key, record in entry.secrets.items()},
    }
