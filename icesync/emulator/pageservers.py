"""The email servers on the page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from icesync.emulator.pagetable import NONE, render_pill, render_table, render_text, render_time
from icesync.model.fields import FIELDS, FIELDS_BY_KEY, INCOMING_BLOCKS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from icesync.emulator.history import StoredServer

__all__ = ["server_table"]

_DOTS: Final = "•" * 4
_COLUMNS: Final = (
    ("Server", ""), ("Status", ""), ("Sends by", ""), ("Collects by", ""), ("Security", ""),
    ("Passwords", ""), ("Revision", "number"), ("Last write", ""),
)  # fmt: skip


def server_table(servers: Iterable[StoredServer]) -> str:
    """Return the table of *servers*, or what to do where there is none."""
    rows = [_server_cells(server) for server in servers]
    return render_table(_COLUMNS, rows, "No email server yet: run <code>icesync apply</code>.")


def _server_cells(server: StoredServer) -> tuple[str, ...]:
    organization, skill = server.address
    name = f"{organization}/{skill}"
    pop3, imap = INCOMING_BLOCKS
    incoming = imap if _value(server, "incoming") else pop3
    return (
        f'<a href="/_emulator/servers/{name}"><b>{name}</b></a>',
        _status(server),
        _mail_block(server, "smtp"),
        _mail_block(server, incoming),
        _security(server),
        _secrets(server),
        str(server.revision),
        render_time(server.updated_at),
    )


def _status(server: StoredServer) -> str:
    status = _value(server, "status")
    inactive = "" if _value(server, "active") else "<small>not active</small>"
    tone = "good" if status == "Enabled" and not inactive else ""
    shown = render_pill(str(status), tone) if status else NONE
    return f"{shown}{inactive}"


def _mail_block(server: StoredServer, block: str) -> str:
    host, port, user = (
        render_text(_value(server, f"{block}.{leaf}")) for leaf in ("host", "port", "username")
    )
    return (
        f'<span class="cut">{host}:{port}</span>'
        f'<small class="cut">{block.upper()} as {user}</small>'
    )


def _security(server: StoredServer) -> str:
    modes = " + ".join(key.upper() for key in ("ssl", "tls") if _value(server, key))
    spoofed = _value(server, "spoofing.enabled")
    sender = render_text(_value(server, "spoofing.address"))
    spoofing = f'<small class="cut">sends as {sender}</small>' if spoofed else ""
    return (modes or "in the clear") + spoofing


def _secrets(server: StoredServer) -> str:
    secrets = (
        f"<div>{_DOTS if _value(server, field.key) else NONE}<small>{field.block}</small></div>"
        for field in FIELDS
        if field.secret
    )
    return f'<div class="secrets">{"".join(secrets)}</div>'


def _value(server: StoredServer, key: str) -> object:
    """Return the stored value of a setting, looked up by the field table."""
    return server.document.get(FIELDS_BY_KEY[key].wire[0])
