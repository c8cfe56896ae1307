"""
The rules about configuration: each family in a file, row and check side by side.

``@on_endpoint(Rule(...))`` and its siblings say what the check right below looks at; a rule
that reading itself enforces, or that needs secrets or a plan, has no check here and is only
declared. The table of all rules derives from both.

The checks are pure functions over typed settings, offline and without secrets: one pass
over the servers and one over the fleet, each linear. What can be read at all was checked before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Generic, NamedTuple, TypeAlias, TypeVar

from icesync.diagnostics import Diagnostic, Rule, Severity
from icesync.frozen import frozen
from icesync.model.fields import needs_login

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from icesync.diagnostics import SourcePosition
    from icesync.model.desired import DesiredServer, DesiredState


class Violation(NamedTuple):
    """
    What a check found at the setting *key* (empty: the server itself).

    *severity* is None where it is the rule's own.
    """

    key: str
    message: str
    hint: str | None = None
    severity: Severity | None = None


Broken: TypeAlias = tuple[str, Violation]
"""The id of a rule, and how it is broken."""


@frozen
class UnplacedFinding:
    """
    A rule that one server breaks, without its place.

    A place costs a second look at the file, so :meth:`located` finds it, for
    findings that are shown or may be suppressed.
    """

    server: DesiredServer
    rule: str
    violation: Violation

    @property
    def severity(self) -> Severity:
        """Its severity, before the configuration has a say."""
        return self.violation.severity or DECLARED[self.rule].severity

    def position(self) -> SourcePosition:
        """Return the place of the value that broke the rule."""
        return self.server.origin.position(self.violation.key)

    def located(self, severity: Severity) -> Diagnostic:
        """Return the finding with its place and *severity*; the message names no server."""
        _, message, hint, _ = self.violation
        subject = str(self.server.address)
        return Diagnostic(self.rule, message, self.position(), hint, severity, subject)


class Host(NamedTuple):
    """A host of one block; *live* says whether calls go to the real service."""

    key: str
    name: str
    in_use: bool
    live: bool


class Endpoint(NamedTuple):
    """
    What the connection of one block depends on: ``smtp``, ``pop3`` or ``imap``.

    None stands for a value that is not given.
    """

    block: str
    host: str | None
    port: int | None
    encrypted: bool
    in_use: bool
    poll_rate: int | None
    preset: str
    live: bool
    login: bool = True
    """whether ICE logs in there; a relay may know it by its address"""


class Login(NamedTuple):
    """Who logs in at one block; None stands for a value that is not given."""

    block: str
    host: str | None
    username: str | None
    mailbox: str | None
    in_use: bool
    preset: str


class MailAddress(NamedTuple):
    """
    An email address, as a mailbox or a sender; *in_use*: something depends on it.

    Whether it breaks a rule depends on *text* alone; the others say where, and how severe it is.
    """

    key: str
    text: str
    in_use: bool


Subject_contra = TypeVar("Subject_contra", contravariant=True)

DECLARED: Final[dict[str, Rule]] = {}
"""Every rule by its id, in the order in which the families are read."""


def declare(rule: Rule) -> Rule:
    """Enter *rule* into the table; its check is elsewhere: in the reader, or with a plan."""
    DECLARED[rule.id] = rule
    return rule


Check: TypeAlias = "Callable[[Subject_contra], Violation | None]"
"""What one rule finds at its subject: one thing at most."""


class Checks(Generic[Subject_contra]):
    """The checks that look at one kind of subject, in the order in which they stand."""

    def __init__(self) -> None:
        self._checks: list[tuple[str, Check[Subject_contra]]] = []

    def __call__(self, rule: Rule) -> Callable[[Check[Subject_contra]], Check[Subject_contra]]:
        """Return a decorator that enters *rule* with the check below it."""
        declare(rule)

        def enter(check: Check[Subject_contra]) -> Check[Subject_contra]:
            self._checks.append((rule.id, check))
            return check

        return enter

    def all(self, subject: Subject_contra) -> list[Broken]:
        """Return everything that *subject* breaks."""
        return [
            (rule, violation)
            for rule, check in self._checks
            if (violation := check(subject)) is not None
        ]

    def first(self, subject: Subject_contra) -> list[Broken]:
        """Return what the first check finds that finds something: one slip, one finding."""
        for rule, check in self._checks:
            if (violation := check(subject)) is not None:
                return [(rule, violation)]
        return []


on_host: Final = Checks[Host]()
on_endpoint: Final = Checks[Endpoint]()
on_address: Final = Checks[MailAddress]()
on_login: Final = Checks[Login]()
on_server: Final = Checks["DesiredServer"]()


_T = TypeVar("_T")


class Fleet:
    """All *servers*, sorted by address, and those of them that are *enabled*."""

    def __init__(self, servers: Sequence[DesiredServer], enabled: Sequence[DesiredServer]) -> None:
        self.servers = servers
        self.enabled = enabled
        self._found: dict[object, Any] = {}

    def once(self, find: Callable[[Fleet], _T]) -> _T:
        """Return what *find* finds in this fleet, found once for all checks."""
        if find not in self._found:
            self._found[find] = find(self)
        found: _T = self._found[find]
        return found


FleetCheck: TypeAlias = "Callable[[Fleet], Iterator[tuple[DesiredServer, Violation]]]"
FLEET_CHECKS: Final[list[tuple[str, FleetCheck]]] = []
"""What only shows across servers: each check costs time in proportion to the fleet."""


def on_fleet(rule: Rule) -> Callable[[FleetCheck], FleetCheck]:
    """Return a decorator that enters *rule* with the check of the whole fleet below it."""
    declare(rule)

    def enter(check: FleetCheck) -> FleetCheck:
        FLEET_CHECKS.append((rule.id, check))
        return check

    return enter


# A family enters its rules into the table above when it is loaded.
from icesync.config.rules import blocks, credentials, documents, fleet, hosts  # noqa: E402

FAMILIES: Final = (documents, blocks, credentials, hosts, fleet)

RULES: Final[Mapping[str, Rule]] = dict(sorted(DECLARED.items()))
"""Every rule by its id, in the order of the ids."""

_KEYS: Final = tuple(
    (
        block,
        f"{block}.host",
        f"{block}.port",
        f"{block}.username",
        f"{block}.mailbox",
        f"{block}.poll_rate",
    )
    for block in ("smtp", "pop3", "imap")
)


class _Endpoints(dict[tuple[Any, ...], list[Broken]]):
    """
    What the rules say about each endpoint that was seen, by the fields of :class:`Endpoint`.

    A fleet has few distinct endpoints, so a rule here may look closely: a second
    server with the same endpoint costs one look-up.
    """

    def __missing__(self, fields: tuple[Any, ...]) -> list[Broken]:
        endpoint = Endpoint(*fields)
        found: list[Broken] = []
        if endpoint.host is not None:
            key = f"{endpoint.block}.host"
            found += on_host.first(Host(key, endpoint.host, endpoint.in_use, endpoint.live))
        found += on_endpoint.all(endpoint)
        self[fields] = found
        return found


def lint(desired: DesiredState, *, live: bool) -> list[UnplacedFinding]:
    """
    Return what the rules find in *desired*, in no promised order.

    *live* says whether calls go to the real service rather than to an emulator.
    """
    endpoints = _Endpoints()
    servers = [desired.servers[address] for address in sorted(desired.servers)]
    found = [
        UnplacedFinding(server, rule, violation)
        for server in servers
        for rule, violation in _check(server, endpoints, live=live)
    ]
    fleet_ = Fleet(servers, [server for server in servers if fleet.is_enabled(server)])
    return [
        *found,
        *(
            UnplacedFinding(server, rule, violation)
            for rule, check in FLEET_CHECKS
            for server, violation in check(fleet_)
        ),
    ]


def _check(server: DesiredServer, endpoints: _Endpoints, *, live: bool) -> list[Broken]:
    settings: Mapping[str, Any] = server.settings  # each key's type is its field's
    get, presets = settings.get, server.presets.get
    in_use = ("smtp", get("incoming"))
    # A flag that is missing has its own finding, and is not taken for false here.
    encrypted = get("ssl") is not False or get("tls") is not False
    logs_in = needs_login(settings)
    found: list[Broken] = []
    sound: set[str] = set()
    """the addresses that break nothing: the same one often stands in each block"""
    for block, host, port, username, mailbox, poll_rate in _KEYS:
        used = block in in_use
        name, preset, box = get(host), presets(block, ""), get(mailbox)
        login = block != "smtp" or logs_in
        found += endpoints[
            block, name, get(port), encrypted, used, get(poll_rate), preset, live, login
        ]
        if box is not None and box not in sound:
            found += _check_address(MailAddress(mailbox, box, used), sound)
        found += on_login.all(Login(block, name, get(username), box, used, preset))
    sender = get("spoofing.address")
    if sender is not None and sender not in sound:
        spoofing = MailAddress("spoofing.address", sender, bool(get("spoofing.enabled")))
        found += _check_address(spoofing, sound)
    found += on_server.all(server)
    return found


def _check_address(address: MailAddress, sound: set[str]) -> list[Broken]:
    """Return what *address* breaks; one that breaks nothing is one of *sound* from now on."""
    found = on_address.first(address)
    if not found:
        sound.add(address.text)
    return found
