"""
ICE101 to ICE110: which server a document is about, and the shape of it.

All but two are enforced where a document is read: `config.values` reads texts by their
kind, `config.resolve` merges and counts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from icesync.config.rules.base import Violation, declare, on_fleet, on_server
from icesync.diagnostics import Rule, Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from icesync.config.rules.base import Fleet
    from icesync.model.desired import DesiredServer

_REST: Final = """\
    smtp:
      host: smtp.example.org
      port: 587
      username: desk
      password: ref+env://ICE_SMTP
      mailbox: desk@example.org
      poll_rate: 10
    imap:
      host: imap.example.org
      port: 993
      username: desk
      password: ref+env://ICE_IMAP
      mailbox: desk@example.org
      poll_rate: 10
"""
"""The rest of a server, for the rule that looks at what is not there."""
declare(
    Rule(
        "ICE101",
        "a missing or non-positive id",
        what="`organization` or `skill` is missing, or is less than 1.",
        why="In ICE a missing integer becomes 0, an id that belongs to nobody.",
        before="version: 1\norganization: 59\nservers:\n  - skill: 0\n",
        after="version: 1\norganization: 59\nservers:\n  - skill: 663\n",
        source="doc:table, observed: Json.NET binding",
        suppressible=False,
    )
)
declare(
    Rule(
        "ICE102",
        "one address defined twice",
        what="Two documents define the same organization and skill, or remove it twice.",
        why="Each call replaces the whole record, so the last one would win.",
        before="version: 1\norganization: 59\nservers:\n  - skill: 663\n  - skill: 663\n",
        after="version: 1\norganization: 59\nservers:\n  - skill: 663\n  - skill: 664\n    imap: "
        "{username: other@example.org, mailbox: other@example.org}\n    smtp: "
        "{mailbox: other@example.org, username: other@example.org}\n",
        source="doc:sample",
        suppressible=False,
    )
)
declare(
    Rule(
        "ICE104",
        "an id that is too large for ICE",
        what="An id or a poll rate is larger than 2147483647.",
        why="ICE uses 32-bit integers and answers anything larger with 400.",
        before="email_server_id: 2147483648\n",
        after="email_server_id: 2147483647\n",
        source="observed: Json.NET binding",
        suppressible=False,
    )
)
declare(
    Rule(
        "ICE105",
        "an unknown key",
        what="A key does not exist in its mapping, often because of a typo.",
        why="ICE would ignore it silently and use an empty value instead.",
        before="smtp: {prot: 587}\n",
        after="smtp: {port: 587}\n",
        suppressible=False,
    )
)
declare(
    Rule(
        "ICE106",
        "a key given twice",
        what="A mapping contains a key twice, or a folder has two defaults files.",
        why="YAML parsers silently keep the last one.",
        before="smtp:\n  port: 587\n  port: 2525\n",
        after="smtp:\n  port: 2525\n",
        source="yaml.org/spec/1.2.2: keys are unique",
        suppressible=False,
    )
)
declare(
    Rule(
        "ICE107",
        "a setting without a value",
        what="A required setting has no value once all defaults are merged.",
        why='Missing settings are sent as empty, 0 or false; they never mean "keep the '
        'current value".',
        before="version: 1\norganization: 59\nservers:\n  - skill: 663\n    status: Enabled\n"
        f"    active: true\n    incoming: imap\n    ssl: false\n{_REST}",
        after="version: 1\norganization: 59\nservers:\n  - skill: 663\n    status: Enabled\n"
        f"    active: true\n    incoming: imap\n    ssl: false\n    tls: true\n{_REST}",
        source="observed: Json.NET binding",
        suppressible=False,
    )
)
declare(
    Rule(
        "ICE109",
        "a value that YAML versions read differently",
        what="A flag, a number or a choice is written in a way that YAML 1.1 and 1.2 read "
        "differently: `on`, `no`, `0o12`, `012`, `22:30`, `1_000`; or a key has no "
        "value.",
        why="Another tool that reads the file would see a different value.",
        before="tls: on\n",
        after="tls: true\n",
        source="yaml.org/type/bool, yaml.org/type/int",
        suppressible=False,
    )
)
declare(
    Rule(
        "ICE110",
        "a server both present and removed",
        what="A server is defined and also listed under `removed:`.",
        why="One of the two is a leftover; guessing which could stop a team's mail.",
        before="version: 1\norganization: 59\nservers:\n  - skill: 663\nremoved:\n"
        "  - {skill: 663, action: disable}\n",
        after="version: 1\norganization: 59\nservers:\n  - skill: 663\nremoved:\n"
        "  - {skill: 664, action: disable}\n",
        suppressible=False,
    )
)


@on_fleet(
    Rule(
        "ICE103",
        "one email server id at two addresses",
        what="Two servers have the same `email_server_id`.",
        why="If ICE identifies records by it, which is unknown, one server overwrites the other.",
        before="version: 1\norganization: 59\nservers:\n"
        "  - {skill: 663, email_server_id: 17, imap: {username: a}}\n"
        "  - {skill: 664, email_server_id: 17, smtp: {mailbox: b@example.org}, "
        "imap: {username: b, mailbox: b@example.org}}\n",
        after="version: 1\norganization: 59\nservers:\n"
        "  - {skill: 663, email_server_id: 17, imap: {username: a}}\n"
        "  - {skill: 664, email_server_id: 18, smtp: {mailbox: b@example.org}, "
        "imap: {username: b, mailbox: b@example.org}}\n",
        source="doc:table; its effect is unconfirmed",
    )
)
def same_server_id(fleet: Fleet) -> Iterator[tuple[DesiredServer, Violation]]:
    """Find an id that two servers have."""
    first: dict[object, DesiredServer] = {}
    for server in fleet.servers:
        number = server.settings.get("email_server_id")
        if number is not None and (other := first.setdefault(number, server)) is not server:
            message = f"`email_server_id` {number} is used by {other.address} too"
            yield server, Violation("email_server_id", message, "correct one of them")


@on_server(
    Rule(
        "ICE108",
        "status and active disagree",
        Severity.WARNING,
        what="`status` is Enabled and `active` is false, or the reverse.",
        why="The vendor's parameter table has both, the sample request only `Status`. "
        "Whether `IsActive` has an effect is unconfirmed, so do not rely on it.",
        before="active: false\n",
        after="active: true\n",
        source="doc:sample, doc:table",
    )
)
def status_and_active(server: DesiredServer) -> Iterator[Violation]:
    """Find the two settings that say opposite things."""
    status, active = server.settings.get("status"), server.settings.get("active")
    if active is not None and status is not None and (status == "Enabled") is not active:
        message = f"`status` is {status} and `active` {str(active).lower()}: they disagree"
        yield Violation(
            "active", message, "make them agree; the vendor's sample request has no `IsActive`"
        )
