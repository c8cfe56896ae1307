"""
The rules about configuration: each family in a file, row and check side by side.

``@on_endpoint(Rule(...))`` and its siblings say what the check right below looks at; a rule
that reading itself enforces, or that needs secrets or a plan, has no check here and is only
declared. The table of all rules derives from both.

The checks are pure functions over typed settings, offline and without secrets: one pass
over the servers and one over the fleet, each linear. What can be read at all was checked before.

Most servers break no rule, and a fleet has few different ports, flags and providers. So each
kind of subject says what its checks depend on: equal subjects are checked once, and ordinary
ones not at all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Generic, TypeAlias, TypeVar

from icesync.diagnostics import Diagnostic, Rule, Severity
from icesync.frozen import NamedTuple, frozen
from icesync.model.fields import needs_login

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

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
        """Return the finding with its place and *severity*; it names no server."""
        _, message, hint, _ = self.violation
        return Diagnostic(self.rule, message, self.position(), hint, severity)


class Host(NamedTuple):
    """
    A host of one block; *live* says whether calls go to the real service.

    Whether it breaks a rule depends on *name* and *live* alone; the others say where, and
    how severe it is.
    """

    key: str
    name: str
    in_use: bool
    live: bool


class Endpoint(NamedTuple):
    """
    What the connection of one block depends on: ``smtp``, ``pop3`` or ``imap``.

    None stands for a value that is not given, or a host that is ordinary: of no provider
    known, and sound. The block then has no preset.
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


class Options(NamedTuple):
    """The settings of a server that are no text; None stands for a value that is not given."""

    status: str | None
    active: bool | None
    incoming: str | None
    ssl: bool | None
    tls: bool | None
    spoofing: bool | None
    sender: bool
    """whether there is an address to show"""
    smtp_rate: int | None
    incoming_rate: int | None
    whole: bool


class UserName(NamedTuple):
    """A user name that is not ordinary (:func:`.hosts.is_ordinary`)."""

    block: str
    host: str | None
    text: str
    in_use: bool


class Login(NamedTuple):
    """A login by an address at a block in use; the mailbox's own only if it is not ordinary."""

    block: str
    host: str | None
    username: str
    mailbox: str
    preset: str


class Account(NamedTuple):
    """Who logs in to a known provider at a block in use; None: a value that is not given."""

    block: str
    host: str | None
    username: str | None
    mailbox: str | None
    preset: str


class MailAddress(NamedTuple):
    """
    An email address that is not ordinary, as a mailbox or a sender.

    *in_use*: something depends on it.
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
on_options: Final = Checks[Options]()
on_address: Final = Checks[MailAddress]()
on_user: Final = Checks[UserName]()
on_login: Final = Checks[Login]()
on_account: Final = Checks[Account]()
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


class _Names(dict[str | None, str | None]):
    """
    What an endpoint needs to know of each host that was seen: its name, or None.

    Many hosts of a fleet are its customers' own, and no check can tell one from another.
    """

    def __init__(self, *, live: bool) -> None:
        super().__init__({None: None})
        self._live = live

    def __missing__(self, host: str) -> str | None:
        sound = not on_host.first(Host("", host, in_use=True, live=self._live))
        self[host] = None if sound and not blocks.is_known(host) else host
        return self[host]


class _Endpoints(dict[tuple[Any, ...], list[Broken]]):
    """What the rules say about each endpoint that was seen, by the fields of :class:`Endpoint`."""

    def __missing__(self, fields: tuple[Any, ...]) -> list[Broken]:
        endpoint = Endpoint(*fields)
        found: list[Broken] = []
        if endpoint.host is not None:
            key = f"{endpoint.block}.host"
            found += on_host.first(Host(key, endpoint.host, endpoint.in_use, endpoint.live))
        found += on_endpoint.all(endpoint)
        self[fields] = found
        return found


class _Options(dict[tuple[Any, ...], list[Broken]]):
    """What the rules say about all :class:`Options` that were seen, by their fields."""

    def __missing__(self, fields: tuple[Any, ...]) -> list[Broken]:
        self[fields] = on_options.all(Options(*fields))
        return self[fields]


def lint(desired: DesiredState, *, live: bool) -> list[UnplacedFinding]:
    """
    Return what the rules find in *desired*, in no promised order.

    *live* says whether calls go to the real service rather than to an emulator.
    """
    servers = [desired.servers[address] for address in sorted(desired.servers)]
    found = lint_each(servers, live=live)
    fleet_ = Fleet(servers, [server for server in servers if fleet.is_enabled(server)])
    return [
        *found,
        *(
            UnplacedFinding(server, rule, violation)
            for rule, check_fleet in FLEET_CHECKS
            for server, violation in check_fleet(fleet_)
        ),
    ]


def lint_each(servers: Iterable[DesiredServer], *, live: bool) -> list[UnplacedFinding]:
    """Return what each of *servers* breaks by itself, whatever else there is."""
    check = _ServerCheck(live=live)
    return [
        UnplacedFinding(server, rule, violation)
        for server in servers
        for rule, violation in check(server)
    ]


class _ServerCheck:
    """Tells what one server after another breaks."""

    def __init__(self, *, live: bool) -> None:
        self._live = live
        self._names = _Names(live=live)
        self._endpoints = _Endpoints()
        self._options = _Options()

    def __call__(self, server: DesiredServer) -> list[Broken]:
        """Return everything that *server* breaks by itself."""
        settings: Mapping[str, Any] = server.settings  # each key's type is its field's
        get, presets, live = settings.get, server.presets.get, self._live
        incoming, ssl, tls = get("incoming"), get("ssl"), get("tls")
        in_use = ("smtp", incoming)
        # A flag that is missing has its own finding, and is not taken for false here.
        encrypted = ssl is not False or tls is not False
        logs_in = needs_login(settings)
        found: list[Broken] = []
        for block, host, port, username, mailbox, poll_rate in _KEYS:
            used = block in in_use
            name, user, box, preset = get(host), get(username), get(mailbox), presets(block, "")
            known = name if preset else self._names[name]
            login = block != "smtp" or logs_in
            found += self._endpoints[
                block, known, get(port), encrypted, used, get(poll_rate), preset, live, login
            ]
            if box is not None and not ("@" in box and hosts.is_ordinary(box)):
                found += on_address.first(MailAddress(mailbox, box, used))
            if user is not None and not hosts.is_ordinary(user):
                found += on_user.all(UserName(block, name, user, used))
            if not used:
                continue
            if user is not None and box is not None and "@" in user:
                own = user == box and hosts.is_ordinary(user)
                if not own:
                    found += on_login.all(Login(block, name, user, box, preset))
            if known is not None or preset:
                found += on_account.all(Account(block, name, user, box, preset))
        spoofing, sender = get("spoofing.enabled"), get("spoofing.address")
        if sender is not None and not ("@" in sender and hosts.is_ordinary(sender)):
            found += on_address.first(MailAddress("spoofing.address", sender, bool(spoofing)))
        found += self._options[
            get("status"),
            get("active"),
            incoming,
            ssl,
            tls,
            spoofing,
            sender is not None,
            get("smtp.poll_rate"),
            get(f"{incoming}.poll_rate"),
            server.whole,
        ]
        found += on_server.all(server)
        return found
