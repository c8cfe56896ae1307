"""
ICE001 to ICE114: files that cannot be read as they are meant, identity, shape, and `moved:`.

The checks of ICE001 to ICE017 are the reader itself: `config.yaml`, `config.discover`,
`config.severity` and the import refuse what breaks them by the ids below. Of ICE101 to
ICE110, all but two are enforced where a document is read: `config.values` reads texts by
their kind, `config.resolve` merges and counts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from icesync.config.rules import Violation, declare, on_fleet, on_options
from icesync.diagnostics import Diagnostic, Rule, Severity
from icesync.model.desired import MAX_ID

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from icesync.config.rules import Fleet, Options
    from icesync.model.desired import Address, DesiredServer, Move, Removal

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


@on_options(
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
def status_and_active(options: Options) -> Violation | None:
    """Find the two settings that say opposite things."""
    status, active = options.status, options.active
    if active is not None and status is not None and (status == "Enabled") is not active:
        message = f"`status` is {status} and `active` {str(active).lower()}: they disagree"
        return Violation(
            "active", message, "make them agree; the vendor's sample request has no `IsActive`"
        )
    return None


_ONE: Final = "version: 1\norganization: 59\nservers:\n  - skill: 663\nmoved:\n"
declare(
    Rule(
        "ICE111",
        "a server that moved and is still defined",
        what="`moved:` names an old address that a file still defines.",
        why="ICE keeps one record per address: two defined servers are two records, and "
        "only one can keep the history.",
        before=f"{_ONE}  - {{skill: 664, from: 59/663}}\n",
        after=f"{_ONE}  - {{skill: 663, from: 59/664}}\n",
        suppressible=False,
    )
)
declare(
    Rule(
        "ICE112",
        "a move that contradicts another",
        what="Two moves have the same source or the same target, one continues the other, "
        "or a move ends where it starts.",
        why="A record has one history. A wrong guess would compare it with another server's.",
        before=f"{_ONE}  - {{skill: 663, from: 59/660}}\n  - {{skill: 663, from: 59/661}}\n",
        after=f"{_ONE}  - {{skill: 663, from: 59/660}}\n",
        suppressible=False,
    )
)
declare(
    Rule(
        "ICE113",
        "a move to a server that no file defines",
        what="`moved:` names a new address that no file defines, or that is listed under "
        "`removed:`.",
        why="There is nothing to send to the new address, so the history would be lost.",
        before=f"{_ONE}  - {{skill: 665, from: 59/664}}\n",
        after=f"{_ONE}  - {{skill: 663, from: 59/664}}\n",
        suppressible=False,
    )
)
declare(
    Rule(
        "ICE114",
        "a move between two servers that both have a record",
        what="The state has a confirmed record for both addresses of a move.",
        why="These are two records in ICE; the history of one must not replace the other's.",
        suppressible=False,
        offline=False,
    )
)


_DROP: Final = "remove the entry under `moved:`"


def check_moves(
    moves: Sequence[Move],
    servers: Mapping[Address, DesiredServer],
    removals: Mapping[Address, Removal],
) -> Iterator[Diagnostic]:
    """Yield what is wrong with *moves*, by files alone; the snapshot has its own say later."""
    arrivals: dict[Address, Move] = {}
    departures: dict[Address, Move] = {}
    for move in moves:
        first = departures.setdefault(move.source, move)
        if first is not move:
            yield _twice(move, f"{move.source} moves to {first.address}", first)
        first = arrivals.setdefault(move.address, move)
        if first is not move:
            yield _twice(move, f"{move.address} comes from {first.source}", first)
    for move in moves:
        if max(move.source) > MAX_ID:
            message = f"{move.source} is too large: ICE uses 32-bit integers"
            yield Diagnostic("ICE104", message, move.position)
        elif move.source == move.address:
            hint = "use the address that it had before"
            yield Diagnostic("ICE112", f"{move.address} moves to itself", move.position, hint)
        elif move.source in servers:
            yield _still_defined(move, servers[move.source])
        elif move.address not in servers:
            yield _nowhere(move, departures.get(move.address), removals.get(move.address))


def _twice(move: Move, what: str, first: Move) -> Diagnostic:
    message = f"{what} already, at {first.position}"
    return Diagnostic("ICE112", message, move.position, "keep one of the two entries")


def _still_defined(move: Move, server: DesiredServer) -> Diagnostic:
    place = server.origin.position()
    message = f"{move.source} moves to {move.address} and is still defined at {place}"
    hint = f"remove the server {move.source}, or {_DROP}"
    return Diagnostic("ICE111", message, move.position, hint)


def _nowhere(move: Move, onward: Move | None, removal: Removal | None) -> Diagnostic:
    """Return the finding that no file defines where *move* leads to."""
    if onward is not None:
        message = f"{move.address} moves on to {onward.address}, at {onward.position}"
        hint = "keep the one entry that names where the record is now: icesync state list"
        return Diagnostic("ICE112", message, move.position, hint)
    if removal is not None:
        message = f"{move.address} is listed under `removed:` at {removal.position}"
        return Diagnostic("ICE113", message, move.position, _DROP)
    message = f"{move.source} moves to {move.address}, which no file defines"
    hint = f"add skill {move.address.skill} under `servers:`, or {_DROP}"
    return Diagnostic("ICE113", message, move.position, hint)


declare(
    Rule(
        "ICE001",
        "a file cannot be read",
        what="A file that a pattern under `files:` matches no longer exists, is not "
        "readable, is a folder or a broken link; or the patterns match no file at "
        "all.",
        why="Without this file, its servers would look removed.",
        suppressible=False,
    )
)
declare(
    Rule(
        "ICE002",
        "a file is not UTF-8",
        what="A file is not valid UTF-8.",
        why="If the encoding were guessed, wrong names and user names could be sent.",
        suppressible=False,
    )
)
declare(
    Rule(
        "ICE003",
        "a control, bidi or invisible character",
        what="A file contains an invisible character, or one that changes the displayed "
        "order of others. Comments are checked, too.",
        why="A reviewer would see something other than what is sent.",
        before='name: "Support\\u202eUE"\n',
        after="name: Support EU\n",
        source="Unicode Technical Report 36",
        suppressible=False,
    )
)
declare(
    Rule(
        "ICE004",
        "a file is too large, too deeply nested or expands too far",
        what="A file exceeds a limit: 2 MiB, 32 levels, 100,000 values, or aliases that "
        "expand to too many values.",
        why="A small file could exhaust the memory of the pipeline.",
        suppressible=False,
    )
)
declare(
    Rule(
        "ICE005",
        "merge-conflict markers",
        what="A line starts with git's conflict markers.",
        why="The file contains both sides of a merge conflict.",
        before="version: 1\norganization: 59\n<<<<<<< HEAD\nservers: []\n=======\n"
        "removed: []\n>>>>>>> branch\n",
        after="version: 1\norganization: 59\nservers: []\n",
        source="git",
        suppressible=False,
    )
)
declare(
    Rule(
        "ICE006",
        "not valid YAML",
        what="The YAML parser rejects the file: an unclosed quote or bracket, a tab, a "
        "wrong indentation.",
        why="No part of an invalid file is used.",
        before="name: [Support EU\n",
        after="name: Support EU\n",
        source="yaml.org/spec",
        suppressible=False,
    )
)
declare(
    Rule(
        "ICE007",
        "an empty file",
        what="A file that a pattern matches is empty, or holds only comments.",
        why="It may be the result of a failed edit; its servers would be in no file.",
        suppressible=False,
    )
)
declare(
    Rule(
        "ICE008",
        "a file outside the configuration's folder",
        what="A pattern or a symbolic link points outside the folder of icesync.yaml.",
        why="Only what was reviewed may be sent, and a review covers only the repository.",
        before='files: ["../elsewhere/*.yaml"]\n',
        after='files: ["servers/**/*.yaml"]\n',
        suppressible=False,
    )
)
declare(
    Rule(
        "ICE009",
        "a YAML feature that is not allowed",
        what="A file uses a tag, a merge key `<<`, a second document, or a key that is "
        "not plain text.",
        why="Parsers disagree about these features, or build objects from them. Use "
        "`defaults:` and `_defaults.yaml` instead of merge keys.",
        before="spoofing: {<<: {enabled: true}, address: desk@example.org}\n",
        after="spoofing: {enabled: true, address: desk@example.org}\n",
        source="yaml.org/spec/1.2.2",
        suppressible=False,
    )
)
declare(
    Rule(
        "ICE010",
        "a mapping, a list or a value of the wrong kind",
        what="A key has a mapping, a list or a single value where another kind is expected.",
        why="It is not clear what was intended.",
        before="smtp: smtp.example.org\n",
        after="smtp: {host: smtp.example.org}\n",
        suppressible=False,
    )
)
declare(
    Rule(
        "ICE011",
        "an unsupported format version",
        what="`version:` names a format that this version of icesync does not support.",
        why="A newer format may use the same keys with another meaning.",
        before="version: 2\norganization: 59\n",
        after="version: 1\norganization: 59\n",
        suppressible=False,
    )
)
declare(
    Rule(
        "ICE012",
        "a pattern that matches no file",
        Severity.WARNING,
        what="A pattern under `files:` matches nothing.",
        why="If a folder was renamed, all its servers would look removed.",
        before='files: ["servers/**/*.yaml", "server/*.yaml"]\n',
        after='files: ["servers/**/*.yaml"]\n',
    )
)
declare(
    Rule(
        "ICE013",
        "a value of the wrong type",
        what="A number is quoted, a flag is not true or false, or a text is empty.",
        why="ICE converts values by its own rules; the result would not be what the file says.",
        before='smtp: {port: "587"}\n',
        after="smtp: {port: 587}\n",
        source="observed: Json.NET binding",
        suppressible=False,
    )
)
declare(
    Rule(
        "ICE014",
        "an invalid suppression",
        Severity.WARNING,
        what="A comment `# icesync: ...` has no rule, an unknown rule, a rule that cannot "
        "be suppressed, or no reason.",
        why="It suppresses nothing, although its author expects it to. The reason tells "
        "later readers why.",
        before="name: Desk  # icesync: allow ICE309\n",
        after="name: Desk\n",
    )
)
declare(
    Rule(
        "ICE015",
        "an unused suppression",
        Severity.WARNING,
        what="A comment `# icesync: allow RULE reason` is at a place where the rule is "
        "not reported.",
        why="The problem is fixed, or the comment is at the wrong place. It would hide a "
        "later mistake.",
        before="name: Desk  # icesync: allow ICE309 the provider has no other port\n",
        after="name: Desk\n",
    )
)
declare(
    Rule(
        "ICE016",
        "an import that cannot be read",
        what="A file given to `icesync import` is not a spreadsheet, CSV or JSON of email "
        "servers, or one of its rows or records cannot be read.",
        why="A partial import would look like a complete one.",
        suppressible=False,
        offline=False,
    )
)
declare(
    Rule(
        "ICE017",
        "an import of something that exists already",
        what="An imported server was removed or moved away, is known to the state, or is in a "
        "file that cannot be changed in place.",
        why="An old export must not overwrite reviewed files.",
        suppressible=False,
        offline=False,
    )
)
