"""Use case: say where every value of a server comes from, and what a call would carry of it."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

from icesync.config.rules.hosts import near_miss
from icesync.errors import UsageError, either, printable
from icesync.model.desired import Given, LayerKind
from icesync.model.explanation import AddressState, Explanation, FieldExplanation
from icesync.model.fields import FIELDS, FIELDS_BY_KEY, LOGIN_KEYS, Field, needs_login
from icesync.model.presets import find_providers, known_providers
from icesync.planner import check_patterns
from icesync.planner.plan import open_moves
from icesync.wire.update import sent_members

if TYPE_CHECKING:
    from collections.abc import Mapping

    from icesync.diagnostics import Rule, SourcePosition
    from icesync.model.desired import Address, DesiredServer, DesiredState, Move, Removal
    from icesync.model.fields import Setting
    from icesync.model.presets import Preset
    from icesync.model.project import WireOptions
    from icesync.model.snapshot import Entry, Snapshot


def explain(
    address: Address, desired: DesiredState, snapshot: Snapshot, options: WireOptions
) -> Explanation:
    """
    Return the explanation of *address*, which the files or the snapshot may know.

    Raises:
        UsageError: neither does.

    """
    leaving = {move.source: move for move in desired.moves.values()}
    known = desired.servers.keys() | desired.removals.keys() | leaving.keys()
    check_patterns("ADDR", (str(address),), sorted(known | snapshot.entries.keys()))
    server, removal = desired.servers.get(address), desired.removals.get(address)
    move = desired.moves.get(address) or leaving.get(address)
    entry = snapshot.entries.get(address)
    standing, position = _stand(server, removal, move)
    return Explanation(
        address,
        standing,
        tuple(_explain_field(row, address, server, entry, options) for row in FIELDS),
        position,
        server.name if server is not None else "",
        removal,
        move,
        move is not None and move.address in open_moves(desired, snapshot),
        entry,
    )


def _stand(
    server: DesiredServer | None, removal: Removal | None, move: Move | None
) -> tuple[AddressState, SourcePosition | None]:
    """Return what the files say about an address, and where."""
    if server is not None:
        return AddressState.DEFINED, server.origin.position()
    if removal is not None:
        return AddressState.REMOVED, removal.position
    if move is not None:
        return AddressState.MOVED, move.position
    return AddressState.NOT_IN_FILES, None


def _explain_field(
    field: Field,
    address: Address,
    server: DesiredServer | None,
    entry: Entry | None,
    options: WireOptions,
) -> FieldExplanation:
    if server is not None and field.key in LOGIN_KEYS and not needs_login(server.settings):
        return FieldExplanation(field, (), {field.wire[0]: ""}, _known(field, entry))
    chain = _chain(field.key, server) if server is not None else ()
    members = _members(field, chain[0] if chain else None, address, options) if server else {}
    return FieldExplanation(field, chain, members, _known(field, entry))


def _chain(key: str, server: DesiredServer) -> tuple[Given, ...]:
    """Return what gives *key*: its layers, or the preset that fills what no layer gives."""
    chain = server.origin.chain(key)
    if chain or key not in server.settings:
        return chain
    return (Given(LayerKind.PRESET, server.settings[key], server.origin.position(key)),)


def _members(
    field: Field, given: Given | None, address: Address, options: WireOptions
) -> dict[str, Setting | None]:
    if field.secret and given is not None:
        return {field.wire[0]: None}
    value = given.value if given is not None else None
    return sent_members(field, value if isinstance(value, int | str) else None, address, options)


def _known(field: Field, entry: Entry | None) -> Setting | None:
    if entry is None:
        return None
    if field.secret:
        record = entry.secrets.get(field.key)
        return None if record is None else record.reference
    return entry.settings.get(field.key)


def find_field(name: str) -> Field:
    """
    Return the row that *name* means: a dotted key, or a name on the wire in any case.

    Raises:
        UsageError: it means none.

    """
    folded = name.lower()
    for row in FIELDS:
        if folded == row.key or folded in {wire.lower() for wire in row.wire}:
            return row
    inside = [row.key for row in FIELDS if row.block == folded]
    near = inside or difflib.get_close_matches(folded, FIELDS_BY_KEY, n=3, cutoff=0.5)
    hint = f"did you mean {either(near)}?" if near else "run `icesync explain ADDR` for a list"
    raise UsageError(f"unknown setting {printable(name)}", hint)


def explain_provider(word: str) -> tuple[Preset, ...]:
    """
    Return the mail providers that *word* means: a name, a domain of addresses, or a host.

    Raises:
        UsageError: it means none.

    """
    folded = word.strip().lower().rstrip(".").rpartition("@")[2]
    found = find_providers(folded)
    if found:
        return found
    regions = [name for name in known_providers() if name.startswith(f"{folded}/")]
    shown = printable(word)
    if regions:
        raise UsageError(f"{shown} has several regions", f"one of: {', '.join(regions)}")
    if word in FIELDS_BY_KEY:
        hint = f"name the server, too, such as: icesync explain 59/663 {word}"
        raise UsageError(f"{shown} is a setting of a server", hint)
    slip = near_miss(folded)
    near = [slip.meant] if slip is not None and find_providers(slip.meant) else []
    near = near or [label for label in folded.split(".") if find_providers(label)]
    near = near or difflib.get_close_matches(folded, known_providers(), n=3, cutoff=0.7)
    hint = (
        f"did you mean {either(near)}?"
        if near
        else (
            "use an address (59/663), a rule (ICE303), a provider (gmail, web.de, "
            "smtp.office365.com) or a topic; run `icesync explain` for a list"
        )
    )
    raise UsageError(f"nothing to explain for {shown}", hint)


def rules() -> Mapping[str, Rule]:
    """Return all rules by their id."""
    from icesync.config.rules import RULES

    return RULES


def file_schemas() -> tuple[str, ...]:
    """Return the names of the schemas of the files that people write."""
    from icesync.config.schema import SCHEMAS

    return tuple(SCHEMAS)


def print_file_schema(name: str, draft: str = "2020-12", *, plain: bool = False) -> str:
    """Return the JSON Schema *name* as text, in the *draft* of JSON Schema that an editor knows."""
    from icesync.config.schema import print_schema

    return print_schema(name, draft, plain=plain)
