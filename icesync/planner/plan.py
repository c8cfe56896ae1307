"""
Decide what apply must do, by comparing the desired state with the snapshot.

Pure: no clock, no files, no network. The same values always give the same
plan, so a reviewer's plan and the pipeline's plan can be compared by digest.

ICE documents no call that reads, creates or deletes an email server, and that
settles the actions:

* a server that the state does not know is *added*: every field is sent;
* a server that is in no file any more: shown, never touched, until the
  files say under ``removed:`` how it ends;
* a server whose last call has no known outcome is sent again, even if nothing
  differs and even if the files were reverted meanwhile: ICE may hold the other
  value, and nobody can look. If it left the files, the record of that call is sent
  again, until ``removed:`` says how it ends;
* a server that ``moved:`` gives another address is sent to the new one, because ICE keys
  its records by address. Until ICE confirmed that, the state keeps the old entry, and
  the plan compares with it. A move sends nothing to the old address: what ICE holds there
  stays, unless ``removed:`` disables it, which happens after the move succeeded.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from icesync.diagnostics import Diagnostic
from icesync.model.desired import RemovalAction
from icesync.model.fields import (
    FIELDS,
    LOGIN_KEYS,
    SENT_FIELDS,
    SETTING_FIELDS,
    Presence,
    Setting,
    WireType,
    needs_login,
)
from icesync.model.plan import (
    Action,
    FieldChange,
    Plan,
    Reason,
    ResourceChange,
    SecretChange,
    Selection,
)
from icesync.model.secret import SecretComparison, SecretFindings
from icesync.model.snapshot import UNRECORDED_WIRE, Entry, Record, Snapshot, follow
from icesync.planner import is_move_selected, is_selected, matches

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from icesync.model.desired import Address, DesiredServer, DesiredState, Move, Origin, Removal
    from icesync.model.project import WireOptions


def diff_settings(
    before: Mapping[str, Setting], after: Mapping[str, Setting], origin: Origin | None = None
) -> Sequence[FieldChange]:
    """
    Return the settings that differ, in the order of the field table.

    *origin* gives the place of each new value. Equal settings cost one
    comparison; against nothing, all of *after* is new.
    """
    if not before:
        return _AllNew(after, origin)
    if _sends_the_same(before, after):
        return ()
    keys = _changed_keys(_written_out(before), _written_out(after))
    return tuple(
        FieldChange(key, before.get(key), after.get(key), origin) for key in _in_order(keys)
    )


_UNLESS_GIVEN: Final[Mapping[str, Setting]] = {
    field.key: False
    for field in SENT_FIELDS
    if field.wire_type is WireType.BOOLEAN and field.presence is Presence.OPTIONAL
}
"""What a request carries of a flag that no file gives (``wire.update``)."""


def _written_out(settings: Mapping[str, Setting]) -> dict[str, Setting]:
    return {**_UNLESS_GIVEN, **settings}


def _sends_the_same(before: Mapping[str, Setting], after: Mapping[str, Setting]) -> bool:
    """Return whether both are one request: a flag that is off may be written or not."""
    return before is after or before == after or _written_out(before) == _written_out(after)


class _AllNew(Sequence[FieldChange]):
    """
    What differs where nothing was sent before: all that is given.

    Made anew for whoever looks: few of the changes of a first plan are shown field by field.
    """

    __slots__ = ("_after", "_origin")

    def __init__(self, after: Mapping[str, Setting], origin: Origin | None) -> None:
        self._after, self._origin = after, origin

    def __iter__(self) -> Iterator[FieldChange]:
        for key in _in_order(self._after.keys()):
            yield FieldChange(key, None, self._after[key], self._origin)

    def __len__(self) -> int:
        return len(self._after)

    def __getitem__(self, index: Any) -> Any:
        return tuple(self)[index]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and tuple(self) == tuple(other)

    def __hash__(self) -> int:
        return hash(tuple(self))

    def __repr__(self) -> str:
        return repr(tuple(self))


def _in_order(keys: Collection[str]) -> list[str]:
    """Return *keys* in the order of the field table, those that are not in it last."""
    known = [field.key for field in SETTING_FIELDS if field.key in keys]
    return known if len(known) == len(keys) else [*known, *sorted(set(keys).difference(known))]


def _changed_keys(before: Mapping[str, Setting], after: Mapping[str, Setting]) -> set[str]:
    """Return the keys whose values differ; a value of another type is another value."""
    return {key for key, *_ in _typed(before) ^ _typed(after)}


def _typed(settings: Mapping[str, Setting]) -> set[tuple[str, type, Setting]]:
    return {(key, type(value), value) for key, value in settings.items()}


def changed_terms(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """Return the keys whose values, which may be lists and mappings, differ at any depth."""
    if before == after:
        return []
    from deepdiff import DeepDiff

    # By default deepdiff reports two mappings with few common keys as one change
    # of the whole, which has no key: hence the 0.
    found = DeepDiff(
        dict(before), dict(after), view="tree", threshold_to_diff_deeper=0, verbose_level=0
    )
    levels = (level for changes in found.values() for level in changes)
    return sorted({level.path(output_format="list")[0] for level in levels})


def open_moves(desired: DesiredState, snapshot: Snapshot) -> dict[Address, Move]:
    """
    Return the moves that are still to be made, by new address.

    One is open while the state knows the old address, and ICE confirmed nothing at
    the new one. Whether anything was ever confirmed at the old address does not
    matter: a call there may have arrived, and what it brought moves like all else.
    """
    entries = snapshot.entries
    return {
        address: move
        for address, move in desired.moves.items()
        if move.source in entries and not (address in entries and entries[address].settings)
    }


def without_leftovers(snapshot: Snapshot) -> Snapshot:
    """
    Return *snapshot* without old entries of moves that ICE confirmed.

    They are left over where the two addresses are stored apart, and a run ended
    between the two saves, or where two branches were merged. An old entry that
    changed since is none of them.
    """
    entries = snapshot.entries
    left = {
        entry.moved_from.address
        for entry in entries.values()
        if entry.moved_from is not None
        and entry.moved_from.address in entries
        and entries[entry.moved_from.address].digest == entry.moved_from.digest
    }
    if not left:
        return snapshot
    return replace(snapshot, entries={a: e for a, e in entries.items() if a not in left})


def check_clashes(
    desired: DesiredState, snapshot: Snapshot, selection: Selection
) -> Iterator[Diagnostic]:
    """Yield the selected moves whose new address ICE confirmed, though not as that move."""
    entries = snapshot.entries
    for address, move in desired.moves.items():
        if not (move.source in entries and address in entries and entries[address].settings):
            continue
        if move.source in desired.removals or not is_move_selected(move, selection):
            continue
        message = f"the state has records for both {move.source} and {address}"
        hint = (
            f"run `icesync state rm {move.source}` to forget the old one (ICE keeps it), "
            f"or replace the entry under `moved:` with skill {move.source.skill} under "
            "`removed:` to disable it"
        )
        yield Diagnostic("ICE114", message, move.position, hint)


def obsolete_entries(desired: DesiredState, snapshot: Snapshot) -> tuple[Move | Removal, ...]:
    """Return the moves and removals of addresses that the state does not know, by place."""
    known = snapshot.entries
    found = [r for address, r in desired.removals.items() if address not in known]
    done = [m for m in desired.moves.values() if m.source not in known]
    return tuple(sorted([*found, *done], key=lambda entry: entry.position))


def keeps_old_entry(move: Move, removals: Mapping[Address, Removal]) -> bool:
    """Return whether the old entry is still needed, since a call of its own will disable it."""
    removal = removals.get(move.source)
    return removal is not None and removal.action is RemovalAction.DISABLE


def with_moves_applied(
    snapshot: Snapshot, moves: Iterable[Move], removals: Mapping[Address, Removal]
) -> Snapshot:
    """Return *snapshot* as a plan compares with it: each old entry under its new address."""
    entries = dict(snapshot.entries)
    for move in moves:
        source, attempt = entries[move.source], entries.get(move.address)
        entries[move.address] = follow(source, move.source, attempt, _prior(source, attempt))
        if not keeps_old_entry(move, removals):
            del entries[move.source]
    return replace(snapshot, entries=entries)


_PRESET_KEYS: Final = frozenset(
    {
        "ssl",
        "tls",
        *(f"{block}.{leaf}" for block in ("smtp", "pop3", "imap") for leaf in ("host", "port")),
    }
)
"""What a preset may give."""


def with_known_values(desired: DesiredState, known: Snapshot) -> DesiredState:
    """
    Return *desired* in which what sops encrypted is what ICE confirmed last.

    Nobody opened it, so nothing is said of it. A preset that is sealed may give any of
    the settings that a preset gives.
    """
    servers = {}
    for address, server in desired.servers.items():
        entry = known.entries.get(address) if server.sealed else None
        if entry is not None:
            keys = set(server.sealed)
            if any(key.endswith("preset") for key in keys):
                keys |= _PRESET_KEYS
            values = {k: v for k, v in entry.settings.items() if k in keys}
            servers[address] = replace(server, settings={**values, **server.settings})
    return replace(desired, servers={**desired.servers, **servers}) if servers else desired


def _prior(source: Entry, attempt: Entry | None) -> str:
    """Return what a saved plan holds a move to: both entries that it started from."""
    if attempt is None or (attempt.announced_over is not None and attempt.prior != attempt.digest):
        # An announced move starts from what it started from when it was announced.
        return source.digest if attempt is None else attempt.prior or ""
    return f"{source.digest} {attempt.digest}"


DISABLED: Final[Mapping[str, Setting]] = {"status": "Disabled", "active": False}
"""What the action ``disable`` sends instead of the last acknowledged values."""

_SECRET_KEYS: Final = tuple(field.key for field in FIELDS if field.secret)


def make_plan(
    desired: DesiredState,
    snapshot: Snapshot,
    findings: SecretFindings | None = None,
    selection: Selection | None = None,
    *,
    complete: bool = True,
    wire: WireOptions = UNRECORDED_WIRE,
) -> Plan:
    """
    Return the changes that turn *snapshot* into *desired*, sorted by address.

    Servers that need nothing are listed too, as no-op: a plan answers for every
    address that *selection* takes in. *findings* says how the secrets compare;
    *complete* is False when some could not be looked at. *wire* is how bodies are spelled.
    """
    findings = findings or SecretFindings(SecretComparison.NOT_COMPARED)
    selection = selection or Selection()
    planner = _Planner(desired, snapshot, findings, selection, wire)
    return Plan(
        base_url=snapshot.base_url,
        lineage=snapshot.lineage,
        base_serial=snapshot.serial,
        changes=tuple(planner.change(address) for address in planner.addresses()),
        selection=selection,
        complete=complete,
        key_id=snapshot.key_id,
    )


class _Planner:
    """
    Decides one server at a time, under the same findings and selection.

    *moves* are the open ones that are selected, by new address. *held* are the
    old addresses of those that are not: nothing happens to them either.
    """

    def __init__(
        self,
        desired: DesiredState,
        snapshot: Snapshot,
        findings: SecretFindings,
        selection: Selection,
        wire: WireOptions,
    ) -> None:
        self.desired = desired
        self.findings = findings
        self.selection = selection
        self.wire = wire
        moves = open_moves(desired, snapshot)
        self.moves = {a: move for a, move in moves.items() if is_move_selected(move, selection)}
        self.left_out = moves.keys() - self.moves.keys()
        self.held = {moves[address].source for address in self.left_out}
        self.entries = with_moves_applied(snapshot, self.moves.values(), desired.removals).entries

    def addresses(self) -> list[Address]:
        """Return what the plan answers for, sorted."""
        addresses = sorted(self.desired.servers.keys() | self.entries.keys())
        selection = self.selection
        if not selection.targets and not selection.excludes:
            return addresses
        return [a for a in addresses if is_selected(a, selection) and a not in self.left_out]

    def change(self, address: Address) -> ResourceChange:
        """Return what happens to one server."""
        wanted, entry = self.desired.servers.get(address), self.entries.get(address)
        if wanted is None:
            # The address came from the desired servers or from the snapshot.
            assert entry is not None
            if address in self.held:
                return _not_in_files(address, entry, Reason.MOVE_NOT_SELECTED)
            return _end(address, entry, self.desired.removals.get(address))
        if entry is None:
            return self._send(wanted, None, Action.ADD, Reason.NOT_IN_SNAPSHOT)
        move = self.moves.get(address)
        return self._compare(wanted, entry) if move is None else self._move(wanted, entry, move)

    def _move(self, wanted: DesiredServer, entry: Entry, move: Move) -> ResourceChange:
        return replace(
            self._send(wanted, entry, Action.MOVE, _doubt(entry)),
            moved_from=move.source,
            source_stays=keeps_old_entry(move, self.desired.removals),
        )

    def _compare(self, wanted: DesiredServer, entry: Entry) -> ResourceChange:
        doubt = _doubt(entry)
        if not entry.settings:
            return self._send(wanted, entry, Action.ADD, doubt)
        if not _sends_the_same(entry.settings, wanted.settings) or self._rotated(wanted, entry):
            return self._send(wanted, entry, Action.UPDATE, doubt)
        if entry.uncertain:
            return self._send(wanted, entry, Action.RESEND, doubt)
        if self.selection.resend and matches(wanted.address, self.selection.resend):
            return self._send(wanted, entry, Action.RESEND, Reason.REQUESTED)
        if self.wire != entry.wire and _is_spelled_otherwise(wanted, self.wire, entry.wire):
            return self._send(wanted, entry, Action.RESEND, Reason.WIRE_CHANGED)
        return ResourceChange(
            wanted.address,
            Action.NO_OP,
            entry.settings,
            wanted.settings,
            reason=doubt,
            prior=entry.prior,
            name=wanted.name,
        )

    def _rotated(self, wanted: DesiredServer, entry: Entry) -> bool:
        if entry.secrets.keys() != wanted.secrets.keys():
            return True
        odd = self.findings.exceptions.get(wanted.address)
        return odd is not None and SecretComparison.CHANGED in odd.values()

    def _send(
        self, wanted: DesiredServer, entry: Entry | None, action: Action, reason: Reason | None
    ) -> ResourceChange:
        before = entry.settings if entry else None
        return ResourceChange(
            wanted.address,
            action,
            before,
            wanted.settings,
            diff_settings(before or {}, wanted.settings, wanted.origin),
            self._secrets(wanted, entry),
            reason,
            entry.prior if entry else None,
            wanted.name,
            wanted.origin,
        )

    def _secrets(self, wanted: DesiredServer, entry: Entry | None) -> tuple[SecretChange, ...]:
        """Return every secret that rides along, and those that are taken back."""
        known = entry.secrets if entry else {}
        changes = []
        for key in _SECRET_KEYS:
            if key in wanted.secrets:
                comparison = (
                    self.findings.of(wanted.address, key)
                    if key in known
                    else SecretComparison.CHANGED
                )
                reference = wanted.secrets[key].text
                changes.append(SecretChange(key, comparison, reference, None, wanted.origin))
            elif key in known:
                changes.append(SecretChange(key, SecretComparison.CHANGED, ""))
        return tuple(changes)


def _is_spelled_otherwise(wanted: DesiredServer, now: WireOptions, then: WireOptions) -> bool:
    """Return whether the body of *wanted* differs between two spellings, as wire.update says."""
    if now.org_key is not then.org_key:
        return True
    # A login that is not needed is empty in every spelling.
    bare = () if needs_login(wanted.settings) else LOGIN_KEYS
    given = {*wanted.settings, *wanted.secrets, *bare}
    return any(
        field.key not in given and field.wire_type is WireType.STRING for field in SENT_FIELDS
    )


def _doubt(entry: Entry) -> Reason | None:
    """Return why what the snapshot says of a server may not be what ICE holds."""
    if entry.uncertain:
        sent = entry.attempt is not None or entry.intent is not None
        return Reason.LAST_WRITE_UNCERTAIN if sent else Reason.DISPUTED
    return Reason.ASSUMED if entry.assumed else None


def _not_in_files(address: Address, entry: Entry, reason: Reason) -> ResourceChange:
    return ResourceChange(
        address, Action.NOT_IN_FILES, entry.settings, None, reason=reason, prior=entry.prior
    )


def _end(address: Address, entry: Entry, removal: Removal | None) -> ResourceChange:
    """Return how a server ends that no file defines any more."""
    if removal is not None and removal.action == "forget":
        return ResourceChange(
            address,
            Action.FORGET,
            entry.settings,
            None,
            reason=Reason.REMOVED_IN_FILES,
            prior=entry.prior,
            place=removal.position,
        )
    if removal is not None and (known := entry.confirmed or entry.latest) is not None:
        # The confirmed record before the attempt: its hosts have seen its passwords.
        after = {**known.settings, **DISABLED}
        reason = Reason.REMOVED_IN_FILES
        change = _send_again(address, entry, Action.DISABLE, known, reason, after)
        return replace(change, place=removal.position)
    if not entry.uncertain:
        return _not_in_files(address, entry, Reason.NOT_IN_FILES)
    if entry.latest is None:
        # Nothing is known of it: a call replaces the whole record, so there is none to make.
        return _not_in_files(address, entry, Reason.LAST_WRITE_UNCERTAIN)
    latest = entry.latest
    return _send_again(
        address, entry, Action.RESEND, latest, Reason.LEFT_UNCERTAIN, latest.settings
    )


def _send_again(
    address: Address,
    entry: Entry,
    action: Action,
    record: Record,
    reason: Reason,
    after: Mapping[str, Setting],
) -> ResourceChange:
    """Return a call for a server that is in no file: what is sent is in the state only."""
    before = record.settings if action is Action.DISABLE else entry.settings
    return ResourceChange(
        address,
        action,
        entry.settings or None,
        after,
        diff_settings(before, after),
        tuple(
            SecretChange(key, SecretComparison.NOT_COMPARED, record.secrets[key].reference)
            for key in _SECRET_KEYS
            if key in record.secrets
        ),
        reason,
        entry.prior,
    )
