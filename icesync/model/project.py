"""
The settings of one repository: what ``icesync.yaml`` says, typed.

This is the table of its options: each attribute that :func:`option` makes is a row: its
path, kind, default, bounds, sentence and example, where the type checker knows its value.
The strict reader, the JSON Schema with what editors show, the reference page and the
variables that a job may set all derive from the rows: an option is one row, and whatever
uses it. Variables that are neither an option's nor a flag's are the rows of ``VARIABLES``.
"""

from __future__ import annotations

from dataclasses import field, fields, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final, TypeVar

from icesync.frozen import frozen
from icesync.model.desired import MAX_ID
from icesync.model.secret import REFERENCE_GRAMMAR, SCHEME_GRAMMAR, SecretRef
from icesync.regex import regex

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from icesync.diagnostics import SourcePosition

REFERENCE_PATTERN: Final = f"^{REFERENCE_GRAMMAR}$"
LIMIT_PATTERN: Final = r"^([0-9]{1,9}|(100|[0-9]{1,2})%)$"

_T = TypeVar("_T")
_K = TypeVar("_K")
_V = TypeVar("_V")


class OptionKind(StrEnum):
    """What an option takes."""

    TEXT = "text"
    PATH = "file"
    ADDRESS = "address"
    REFERENCE = "reference to a secret"
    INTEGER = "whole number"
    NUMBER = "number"
    CHOICE = "one of a list"
    CHOICES = "list of words"
    TEXTS = "list of texts"
    LIMIT = "count, percentage, or a list of both"
    LEVELS = "severity by rule"


class Safeguard(StrEnum):
    """What makes an option that holds mistakes and attacks back looser than before."""

    CHANGED = "any change"
    REPLACED = "another value, or none"
    FEWER = "fewer words"
    MORE = "more words"
    HIGHER = "a higher limit"
    LOWER = "a lower severity"


@frozen
class Option:
    """
    One row.

    *text* is a sentence for people. *bounds* are for numbers, *choices* give each
    word its meaning, *pattern* with *expected* is for texts. *backend* names the
    only backend of the state that takes the option, *variable* what a job sets to
    say it instead of the file, *safeguard* what makes it looser, where it counts.
    """

    path: str
    kind: OptionKind
    text: str
    default: Any = None
    bounds: tuple[float, float] = (0, 0)
    choices: Mapping[str, str] = field(default_factory=dict)
    examples: tuple[Any, ...] = ()
    pattern: str | None = None
    expected: str | None = None
    required: bool = False
    backend: str | None = None
    variable: str | None = None
    safeguard: Safeguard | None = None


def option(kind: OptionKind, about: str, default: _T, *, path: str = "", **more: Any) -> _T:
    """
    Return the attribute of a data class that one row describes, with its *default*.

    *path* is only given where it is not that of the attribute.
    """
    return _attribute(default, {"option": Option(path, kind, about, default, **more)})


def required(kind: OptionKind, about: str, **more: Any) -> Any:
    """Return the attribute of a row that must be given wherever its group is."""
    return field(metadata={"option": Option("", kind, about, required=True, **more)})


def limits(rows: Mapping[_K, tuple[_V, str]]) -> dict[_K, _V]:
    """Return the attribute that holds a limit for each key, with its default and sentence."""
    default = {key: value for key, (value, _) in rows.items()}
    below = {
        key: Option("", OptionKind.LIMIT, about, value, safeguard=Safeguard.HIGHER)
        for key, (value, about) in rows.items()
    }
    return _attribute(default, {"options": below})


def group(made: type[_T]) -> _T:
    """Return the attribute that holds further rows, those of the data class *made*."""
    value: Any = field(default_factory=made, metadata={"group": made})
    return value  # type: ignore[no-any-return]


def optional_group(made: type[_T]) -> _T | None:
    """Return the attribute that is None where the file does not have the group *made*."""
    return _attribute(None, {"group": made})


def _attribute(default: _T, metadata: dict[str, Any]) -> _T:
    value: Any
    if isinstance(default, dict):
        value = field(default_factory=lambda: dict(default), metadata=metadata)
    else:
        value = field(default=default, metadata=metadata)
    return value  # type: ignore[no-any-return]


def rows_of(made: Any, prefix: str = "") -> Iterator[Option]:
    """Yield the rows of the data class *made* and of its groups, each with its dotted path."""
    for attribute in fields(made):
        path = prefix + attribute.name
        if "group" in attribute.metadata:
            yield from rows_of(attribute.metadata["group"], f"{path}.")
        for key, row in attribute.metadata.get("options", {}).items():
            yield replace(row, path=f"{path}.{key}")
        if "option" in attribute.metadata:
            row = attribute.metadata["option"]
            yield replace(row, path=row.path or path)


def build(made: Any, values: Mapping[str, Any], prefix: str = "", **more: Any) -> Any:
    """Return the data class *made* with *values* by dotted path; defaults where there is none."""
    given: dict[str, Any] = {}
    for attribute in fields(made):
        path, about = prefix + attribute.name, attribute.metadata
        if "group" in about:
            if attribute.default is not None or any(v.startswith(f"{path}.") for v in values):
                given[attribute.name] = build(about["group"], values, f"{path}.")
        elif "options" in about:
            given[attribute.name] = {
                key: values.get(f"{path}.{key}", row.default)
                for key, row in about["options"].items()
            }
        elif "option" in about:
            path = about["option"].path or path
            if path in values:
                given[attribute.name] = values[path]
    return made(**more, **given)


def value_of(value: Any, path: str) -> Any:
    """Return what *value*, made by :func:`build`, holds for the option at the dotted *path*."""
    for attribute in fields(value):
        about, name = attribute.metadata, attribute.name
        row: Option | None = about.get("option")
        if row is not None and (row.path or name) == path:
            return getattr(value, name)
        if "options" in about and path.startswith(f"{name}."):
            return getattr(value, name)[path.removeprefix(f"{name}.")]
        if "group" in about and path.startswith(f"{name}."):
            below = getattr(value, name)
            return None if below is None else value_of(below, path.removeprefix(f"{name}."))
    raise KeyError(path)


VARIABLES: Final = {
    "ICESYNC_ALLOW_HOST": "Hosts that may receive credentials, separated by commas. Only "
    "the job can allow hosts, not the repository.",
    "ICESYNC_ALLOW_EXEC": "Set to 1 to allow `ref+exec://` references.",
    "ICESYNC_EXEC_ENV": "Extra variables to pass to programs of `ref+exec://`, separated "
    "by spaces or commas.",
    "ICESYNC_FINGERPRINT_KEY": "The fingerprint key, unless `fingerprints.key` is set.",
    "ICESYNC_STATE_ADDRESS, TF_HTTP_ADDRESS": "URL of the state. `TF_HTTP_USERNAME` and "
    "`TF_HTTP_PASSWORD` are sent only there.",
    "ICESYNC_STATE_USERNAME, ICESYNC_STATE_PASSWORD": "The login for a state server.",
    "ICESYNC_GITHUB_TOKEN, GITHUB_TOKEN": "The token for comments and issues on GitHub.",
    "ICESYNC_GITLAB_TOKEN, GITLAB_TOKEN": "The token for comments and issues on GitLab, and for "
    "GitLab-managed state.",
    "ICESYNC_TRUSTED_CONFIG": "The same as `--trusted-config` of `icesync plan`: take "
    "safeguards from that file or git ref, and a committed state from that ref.",
    "ICESYNC_IMAGE": "Set in the container image: hints then name `docker build` instead of "
    "`pip install`.",
    "NO_COLOR, FORCE_COLOR, CLICOLOR, CLICOLOR_FORCE": "When to use colors, as in other programs.",
}


EMULATOR: Final = "emulator"
"""The word that stands for the embedded emulator instead of an address."""

VENDOR_BASE_URL: Final = "https://www.enterice.com/ICEAPI"

_PRETENDED: Final = regex(
    r"https?://(127\.|localhost\b|\[::1\]|([^/:]+\.)?(example|test|invalid)([:/]|\Z))"
)
"""Addresses where no real service can be: loopback, and the names of RFC 2606."""


class OrgKey(StrEnum):
    """Under which name the organization is sent; the vendor's pages disagree."""

    BOTH = "both"
    ORG_ID = "OrgId"
    ORGANIZATION_ID = "OrganizationId"


class Absent(StrEnum):
    """What is sent for a text that was not given."""

    EMPTY = "empty"
    NULL = "null"
    OMIT = "omit"


@frozen
class WireOptions:
    """What the vendor leaves open about request bodies."""

    org_key: OrgKey = option(
        OptionKind.CHOICE,
        "The name under which the organization is sent.",
        OrgKey.BOTH,
        choices={
            OrgKey.BOTH: "Both names, with the same id.",
            OrgKey.ORG_ID: "As in the vendor's sample request.",
            OrgKey.ORGANIZATION_ID: "As in the vendor's parameter table.",
        },
        safeguard=Safeguard.CHANGED,
    )
    absent: Absent = option(
        OptionKind.CHOICE,
        "What is sent for a text that is not set.",
        Absent.EMPTY,
        choices={
            Absent.EMPTY: "An empty text.",
            Absent.NULL: "`null`.",
            Absent.OMIT: "Nothing: the member is omitted.",
        },
        safeguard=Safeguard.CHANGED,
    )


@frozen
class Login:
    """A login from which a token is obtained."""

    organization: int = required(
        OptionKind.INTEGER,
        "The organization to log in to.",
        bounds=(1, MAX_ID),
        examples=(59,),
        safeguard=Safeguard.REPLACED,
    )
    username: str = required(
        OptionKind.TEXT,
        "The user, an administrator.",
        examples=("admin@example.com",),
        safeguard=Safeguard.REPLACED,
    )
    password: SecretRef = required(
        OptionKind.REFERENCE,
        "The password, as a reference.",
        examples=("ICE_PASSWORD",),
        safeguard=Safeguard.REPLACED,
    )


@frozen
class Api:
    """How ICE is reached."""

    base_url: str = option(
        OptionKind.ADDRESS,
        "The URL of the API (https), or `emulator` for the built-in one.",
        VENDOR_BASE_URL,
        examples=(VENDOR_BASE_URL, EMULATOR),
        pattern=r"^(emulator|https?://[^\s@?#]+)$",
        expected="must be an https URL without user or query, or emulator",
        safeguard=Safeguard.CHANGED,
    )
    token: SecretRef | None = option(
        OptionKind.REFERENCE,
        "The token, as a reference.",
        None,
        examples=("ICE_TOKEN",),
        safeguard=Safeguard.REPLACED,
    )
    login: Login | None = optional_group(Login)
    timeout_s: float = option(
        OptionKind.NUMBER, "Deadline for each call, in seconds.", 30.0, bounds=(0.1, 600)
    )
    rate_per_s: float = option(
        OptionKind.NUMBER, "Maximum number of calls per second.", 10.0, bounds=(0.01, 100_000)
    )
    concurrency: int = option(
        OptionKind.INTEGER, "Maximum number of parallel calls.", 4, bounds=(1, 64)
    )
    proxy: str | None = option(
        OptionKind.TEXT,
        "URL of a proxy. The proxy variables of the environment are ignored.",
        None,
        examples=("http://proxy.example.org:3128",),
        variable="ICESYNC_PROXY",
        safeguard=Safeguard.CHANGED,
    )
    ca_file: str | None = option(
        OptionKind.PATH,
        "File with the CA certificates to trust, instead of the system's.",
        None,
        examples=("certificates/ca.pem",),
        variable="ICESYNC_CA_FILE",
        safeguard=Safeguard.CHANGED,
    )
    wire: WireOptions = group(WireOptions)

    @property
    def emulated(self) -> bool:
        """Whether calls go to the embedded emulator."""
        return self.base_url == EMULATOR

    @property
    def live(self) -> bool:
        """Whether a real service would use what is sent, rather than an emulator or a test."""
        return not self.emulated and _PRETENDED.match(self.base_url) is None


class LimitName(StrEnum):
    """What a limit counts."""

    UPDATES = "updates"
    DISABLES = "disables"
    ADDS = "adds"
    FORGETS = "forgets"


SHARES_FROM: Final = 10
"""The smallest fleet of which a share is taken."""


@frozen
class Limit:
    """
    At most *count* changes, or *share* of the fleet (0 to 1); the stricter wins.

    A share of a few servers says nothing: below :data:`SHARES_FROM` only a count counts.
    """

    count: int | None = None
    share: float | None = None

    def ceiling(self, servers: int) -> int | None:
        """Return how many changes a fleet of *servers* may see; None is any number."""
        counts = self.share is not None and (servers >= SHARES_FROM or self.share == 0)
        by_share = int(servers * (self.share or 0) + 1e-9) if counts else None
        given = [n for n in (self.count, by_share) if n is not None]
        return min(given, default=None)


class Level(StrEnum):
    """What ``rules:`` can make of a rule's findings."""

    OFF = "off"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class Guard(StrEnum):
    """A kind of change that needs ``--allow`` whatever the limits say."""

    TLS_OFF = "tls-off"
    SPOOFING_ON = "spoofing-on"
    DISABLED = "disabled"
    HOST_CHANGE = "host-change"


@frozen
class SecretScope:
    """
    Which variables and files server files may refer to, as globs.

    Files are relative to the repository; a pull request cannot send
    ``GITHUB_TOKEN`` or ``/proc/self/environ`` as a mail password. ``.git`` and
    ``/proc`` stay closed whatever the globs say.
    """

    env_allow: tuple[str, ...] = option(
        OptionKind.TEXTS,
        "Globs of variable names.",
        ("ICE_*", "ICESYNC_SECRET_*"),
        safeguard=Safeguard.MORE,
    )
    file_allow: tuple[str, ...] = option(
        OptionKind.TEXTS,
        "Globs of files, relative to this file or absolute.",
        ("**",),
        safeguard=Safeguard.MORE,
    )
    providers: tuple[str, ...] = option(
        OptionKind.TEXTS,
        "Secret providers of other installed packages that may be used (entry points of "
        "the group icesync.secrets).",
        (),
        pattern=f"^{SCHEME_GRAMMAR}$",
        expected="must be a scheme, as in ref+SCHEME://",
        safeguard=Safeguard.MORE,
    )


class Backend(StrEnum):
    """The kinds of store that a snapshot may live in."""

    LOCAL = "local"
    HTTP = "http"
    OBJECTSTORE = "objectstore"


_METHODS: Final = dict.fromkeys(("POST", "PUT", "PATCH", "DELETE", "LOCK", "UNLOCK"), "")


class Per(StrEnum):
    """What has a snapshot of its own."""

    ORGANIZATION = "organization"


ORGANIZATION_MARK: Final = "{organization}"
"""What stands for the organization in the place of a snapshot per organization."""

SIDE_BY_SIDE: Final = 32
"""So many organizations' states are asked at once; fewer as soon as their server throttles."""


@frozen
class StateSettings:
    """
    Where the snapshot lives: a file, an address in Terraform's protocol, or an object.

    *path* is for ``local``. For ``http`` there are *address* and the methods of
    the protocol, or *preset* ``gitlab`` with the *name* of the state and, outside
    of its own pipelines, the *project*. *url* is for ``objectstore``: ``s3://``,
    ``gs://`` or ``az://``. Credentials stand in none of them. With *per* each
    organization has a snapshot of its own, and the place holds ``{organization}``.
    """

    backend: Backend = option(
        OptionKind.CHOICE,
        "Type of store: a file, a URL with Terraform's HTTP protocol, or an object in a bucket.",
        Backend.LOCAL,
        choices={
            Backend.LOCAL: "A file in the repository.",
            Backend.HTTP: "A URL with Terraform's HTTP protocol, such as GitLab's.",
            Backend.OBJECTSTORE: "An object in a bucket.",
        },
        safeguard=Safeguard.CHANGED,
    )
    path: str = option(
        OptionKind.PATH,
        "The file, relative to icesync.yaml, inside the repository.",
        "icesync.state.json",
        backend=Backend.LOCAL,
        variable="ICESYNC_STATE_PATH",
        safeguard=Safeguard.CHANGED,
    )
    address: str | None = option(
        OptionKind.TEXT,
        "URL to read and write the state.",
        None,
        backend=Backend.HTTP,
        safeguard=Safeguard.CHANGED,
    )
    lock_address: str | None = option(
        OptionKind.TEXT,
        "URL to lock it; without it there is no lock.",
        None,
        backend=Backend.HTTP,
        safeguard=Safeguard.CHANGED,
    )
    unlock_address: str | None = option(
        OptionKind.TEXT,
        "URL to unlock it; usually the same.",
        None,
        backend=Backend.HTTP,
        safeguard=Safeguard.CHANGED,
    )
    update_method: str = option(
        OptionKind.CHOICE,
        "HTTP method to write it.",
        "POST",
        choices=_METHODS,
        backend=Backend.HTTP,
        safeguard=Safeguard.CHANGED,
    )
    lock_method: str = option(
        OptionKind.CHOICE,
        "HTTP method to lock it.",
        "LOCK",
        choices=_METHODS,
        backend=Backend.HTTP,
        safeguard=Safeguard.CHANGED,
    )
    unlock_method: str = option(
        OptionKind.CHOICE,
        "HTTP method to unlock it.",
        "UNLOCK",
        choices=_METHODS,
        backend=Backend.HTTP,
        safeguard=Safeguard.CHANGED,
    )
    preset: str | None = option(
        OptionKind.CHOICE,
        "GitLab-managed state; in GitLab jobs only `name` is needed.",
        None,
        choices={"gitlab": "GitLab-managed state, with the credentials of its jobs."},
        backend=Backend.HTTP,
        safeguard=Safeguard.CHANGED,
    )
    name: str | None = option(
        OptionKind.TEXT,
        "The name of the state, without a slash; with a preset.",
        None,
        backend=Backend.HTTP,
        safeguard=Safeguard.CHANGED,
    )
    project: str | None = option(
        OptionKind.TEXT,
        "The project's id or path; with a preset, outside GitLab jobs.",
        None,
        backend=Backend.HTTP,
        safeguard=Safeguard.CHANGED,
    )
    url: str | None = option(
        OptionKind.TEXT,
        "The object: s3://, gs:// or az:// with bucket and path.",
        None,
        examples=("s3://bucket/icesync.state.json",),
        backend=Backend.OBJECTSTORE,
        safeguard=Safeguard.CHANGED,
    )
    per: Per | None = option(
        OptionKind.CHOICE,
        "Keep one state and one lock per organization; by default all share one. The path "
        "or URL must then contain {organization}.",
        None,
        choices={Per.ORGANIZATION: "Each organization: runs can go in parallel."},
        safeguard=Safeguard.CHANGED,
    )

    @property
    def template(self) -> str:
        """Where the snapshot is kept, by the one setting that says so."""
        place = {
            Backend.LOCAL: self.path,
            Backend.HTTP: self.name if self.preset else self.address,
            Backend.OBJECTSTORE: self.url,
        }
        return place[self.backend] or ""

    def of(self, organization: int) -> StateSettings:
        """Return where the snapshot of *organization* is kept."""

        def fill(text: str | None) -> str | None:
            return text and text.replace(ORGANIZATION_MARK, str(organization))

        return replace(
            self,
            per=None,
            path=fill(self.path) or "",
            address=fill(self.address),
            lock_address=fill(self.lock_address),
            unlock_address=fill(self.unlock_address),
            name=fill(self.name),
            url=fill(self.url),
        )


@frozen
class Project:
    """
    One repository; *root* is the absolute folder of *config_file*.

    *positions* names the place of a setting of the configuration by its dotted
    path, for messages. *safety* is the safety profile of the file itself, also
    where its safeguards are taken from another one (:mod:`icesync.model.safety`).
    """

    root: str
    config_file: str
    api: Api = group(Api)
    files: tuple[str, ...] = option(
        OptionKind.TEXTS,
        "Patterns of the server files, relative to this file.",
        ("servers/**/*.yaml",),
    )
    state: StateSettings = group(StateSettings)
    fingerprint_key: SecretRef | None = option(
        OptionKind.REFERENCE,
        "Reference to the key that `icesync keygen` creates. Default: "
        "$ICESYNC_FINGERPRINT_KEY, else .icesync/fingerprint.key.",
        None,
        path="fingerprints.key",
        required=True,
        examples=("ICESYNC_FINGERPRINT_KEY",),
        safeguard=Safeguard.REPLACED,
    )
    limits: dict[LimitName, Limit] = limits(
        {
            LimitName.UPDATES: (Limit(share=0.3), "updates"),
            LimitName.DISABLES: (Limit(count=1), "disabled servers"),
            LimitName.ADDS: (Limit(count=20), "new servers"),
            LimitName.FORGETS: (Limit(count=1), "forgotten servers"),
        }
    )
    guards: frozenset[Guard] = option(
        OptionKind.CHOICES,
        "Changes that always need --allow.",
        frozenset(Guard),
        choices={
            Guard.TLS_OFF: "Encryption of a server is switched off.",
            Guard.SPOOFING_ON: "Mail would be sent from a spoofing address.",
            Guard.DISABLED: "A server is disabled or made inactive.",
            Guard.HOST_CHANGE: "A password would go to a different host.",
        },
        safeguard=Safeguard.FEWER,
    )
    rules: dict[str, Level] = option(
        OptionKind.LEVELS,
        "Severity of a rule: off, info, warning or error.",
        {},
        choices={
            Level.OFF: "The rule is not reported.",
            Level.INFO: "Shown only with `-v`.",
            Level.WARNING: "Shown; an error with `--strict`.",
            Level.ERROR: "Blocks plan and apply.",
        },
        safeguard=Safeguard.LOWER,
    )
    secrets: SecretScope = group(SecretScope)
    positions: Mapping[str, SourcePosition] = field(default_factory=dict)
    safety: Mapping[str, Any] | None = None


OPTIONS: Final = {row.path: row for row in rows_of(Project)}
"""Every option by its dotted path."""

GROUPS: Final = {
    "api": "Connection to ICE.",
    "api.login": "Login to get a token, instead of `token`.",
    "api.wire": "Details of request bodies that the vendor does not document.",
    "state": "Where the state is stored.",
    "fingerprints": "How rotated passwords are detected.",
    "limits": "How many changes one run may make.",
    "secrets": "Secrets that server files may refer to.",
}
"""What the options that stand together are about."""
