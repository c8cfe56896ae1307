"""
What apply would do, as a value: sorted, frozen, the same for the same input.

Its calls are whole records, since the service replaces them.
"""

from __future__ import annotations

from dataclasses import field, fields
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from icesync.diagnostics import SourcePosition
from icesync.frozen import NamedTuple, frozen
from icesync.model.project import Guard, LimitName

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from icesync.model.desired import Address, Origin
    from icesync.model.fields import Setting
    from icesync.model.secret import SecretComparison, SecretValue


class Action(StrEnum):
    """What happens to one server; :data:`_TRAITS` says what follows from it."""

    ADD = "add"
    """first send"""
    UPDATE = "update"
    MOVE = "move"
    """first send to a new address; what is known of the old one is its history"""
    DISABLE = "disable"
    """send Disabled and inactive, then drop the entry"""
    FORGET = "forget"
    """drop the entry, send nothing"""
    NOT_IN_FILES = "not-in-any-file"
    """left the files: shown, never touched"""
    RESEND = "resend"
    """no setting differs, but the last call is uncertain or was spelled in another way, or it
    was asked for"""
    NO_OP = "no-op"

    @property
    def sends(self) -> bool:
        """Whether it makes a call."""
        return _TRAITS[self].sends

    @property
    def is_inert(self) -> bool:
        """Whether apply does nothing for it."""
        return self is Action.NO_OP or self is Action.NOT_IN_FILES

    @property
    def symbol(self) -> str:
        """The sign it is shown with."""
        return _TRAITS[self].symbol

    @property
    def terraform(self) -> str:
        """Terraform's word for it in ``change.actions``."""
        return _TRAITS[self].terraform


class _Traits(NamedTuple):
    symbol: str
    terraform: str
    sends: bool = True


_TRAITS: Final[Mapping[Action, _Traits]] = {
    Action.ADD: _Traits("+", "create"),
    Action.UPDATE: _Traits("~", "update"),
    Action.MOVE: _Traits(">", "update"),
    Action.DISABLE: _Traits("-", "delete"),
    Action.FORGET: _Traits(".", "forget", sends=False),
    Action.RESEND: _Traits("!", "update"),
    Action.NOT_IN_FILES: _Traits("?", "no-op", sends=False),
    Action.NO_OP: _Traits(" ", "no-op", sends=False),
}


class Reason(StrEnum):
    """Why a server is in the plan, where the changed fields do not say it."""

    NOT_IN_SNAPSHOT = "it is not in the state"
    LAST_WRITE_UNCERTAIN = "the outcome of the last call is unknown"
    DISPUTED = "two merged versions of the state differ about it"
    REQUESTED = "requested by --resend"
    STATE_PUT_BACK = "the state was put back to an older one since it was sent"
    LEFT_PUT_BACK = (
        "the state was put back to an older one since it was sent, and it is no longer in any file"
    )
    WIRE_CHANGED = "`api.wire` changed since it was sent"
    NOT_IN_FILES = "it is no longer in any file"
    LEFT_UNCERTAIN = "the outcome of the last call is unknown, and it is no longer in any file"
    REMOVED_IN_FILES = "listed under `removed:`"
    ASSUMED = "its recorded values are unconfirmed"
    MOVE_NOT_SELECTED = "it moves to another address, which is not selected"

    @property
    def put_back(self) -> bool:
        """Whether an older state took the place of the one that the call was recorded in."""
        return self in {Reason.STATE_PUT_BACK, Reason.LEFT_PUT_BACK}


class Placed:
    """
    What has a *place*: a position, or the origin that is asked for it when it is shown.

    To find a position costs a second look at the file, and most are never shown.
    """

    __slots__ = ()
    key: str
    place: SourcePosition | Origin | None

    @property
    def position(self) -> SourcePosition | None:
        """Where it stands in the files; None where it does not."""
        if self.place is None or isinstance(self.place, SourcePosition):
            return self.place
        return self.place.position(self.key)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Placed) or other.__class__ is not self.__class__:
            return NotImplemented
        return self._values() == other._values()

    def __hash__(self) -> int:
        return hash(self._values())

    def _values(self) -> tuple[Any, ...]:
        names = (each.name for each in fields(self) if each.name != "place")  # type: ignore[arg-type]
        return (*(getattr(self, name) for name in names), self.position)


@frozen
class FieldChange(Placed):
    """One setting that differs; None stands for "not given"."""

    key: str
    before: Setting | None
    after: Setting | None
    place: SourcePosition | Origin | None = None


@frozen
class SecretChange(Placed):
    """
    One secret that rides in a call.

    *tag* is a keyed digest of the value seen while planning, or None where it
    was not seen; apply refuses a saved plan whose secrets have other tags.
    """

    key: str
    comparison: SecretComparison
    reference: str
    tag: str | None = None
    place: SourcePosition | Origin | None = None


@frozen
class ResourceChange(Placed):
    """
    What happens to one server, and why.

    *before* and *after* are whole settings (None: no entry, no server), *fields*
    only what differs, *secrets* all that ride along, each in the field table's
    order. *prior* is the digest of the entry that the plan started from.

    For a move, *before* and *prior* are those of *moved_from*. Its entry leaves the
    snapshot once ICE acknowledged the record at the new address, unless
    *source_stays*, because ``removed:`` ends it with a call of its own.
    """

    address: Address
    action: Action
    before: Mapping[str, Setting] | None = None
    after: Mapping[str, Setting] | None = None
    fields: Sequence[FieldChange] = ()
    secrets: tuple[SecretChange, ...] = ()
    reason: Reason | None = None
    prior: str | None = None
    name: str = ""
    place: SourcePosition | Origin | None = None
    moved_from: Address | None = None
    source_stays: bool = False

    @property
    def key(self) -> str:  # type: ignore[override]
        """The key whose place is its own: that of the server itself."""
        return ""

    @property
    def file(self) -> str:
        """The file that defines the server; empty where none does."""
        return "" if self.place is None else self.place.file


STATE_EDITED = "state-edited"
"""The rule that refuses a state which was not written by icesync as it stands."""

SAFEGUARDS = "safeguards"
"""The rule that refuses a configuration which is looser than at the last apply."""

PROBE = "probe"
"""The guard that a mail server trips which rejects the login."""

ALLOWED_OF_SERVERS = (*Guard, PROBE)
"""What ``--allow`` takes, for all servers or, behind a colon, for some."""

ALLOWED_ALONE = (*LimitName, SAFEGUARDS, STATE_EDITED)
"""What ``--allow`` takes that is not about single servers."""


@frozen
class Refusal:
    """
    Why a plan may not be applied; *allow* is the argument of ``--allow`` that lets it.

    *position* is the line that it is about, where that is none of a server.
    """

    rule: str
    message: str
    allow: str
    address: Address | None = None
    position: SourcePosition | None = None

    @property
    def finding(self) -> str:
        """The id in the table of rules that says more, or empty: guards speak for themselves."""
        return "ICE606" if self.rule in set(LimitName) else ""


@frozen
class Selection:
    """
    Which servers a plan looks at: addresses or globs such as ``59/*``.

    No *targets* means all. *resend* asks for servers to be sent although
    nothing differs.
    """

    targets: tuple[str, ...] = ()
    excludes: tuple[str, ...] = ()
    resend: tuple[str, ...] = ()


@frozen
class Plan:
    """
    The changes that turn the snapshot into the desired state, sorted by address.

    Servers that need nothing are listed too, as no-op. *complete* is False when
    a secret could not be looked at; such a plan can be read, not applied. *terms* are
    what the configuration says about how it is sent and held back: proxy, CA, wire
    options, the references of token and login, and all other safeguards. *unanswered*
    secrets were asked for, and their store failed; a saved plan does not keep that.
    """

    base_url: str
    lineage: str | None
    base_serial: int
    changes: tuple[ResourceChange, ...] = ()
    selection: Selection = field(default_factory=Selection)
    complete: bool = True
    key_id: str | None = None
    terms: Mapping[str, Any] = field(default_factory=dict)
    unanswered: int = 0

    @property
    def effective(self) -> tuple[ResourceChange, ...]:
        """The changes that apply would carry out: neither no-op nor those in no file."""
        return tuple(c for c in self.changes if not c.action.is_inert)

    @property
    def calls(self) -> tuple[ResourceChange, ...]:
        """The changes that make a call to ICE."""
        return tuple(c for c in self.changes if c.action.sends)

    def count(self, action: Action) -> int:
        """Return how many changes have *action*."""
        return sum(c.action is action for c in self.changes)


@frozen
class Update:
    """The record at *address* as it shall be: typed values and passwords by dotted key."""

    address: Address
    settings: Mapping[str, Setting]
    secrets: Mapping[str, SecretValue]
