"""The settings of one repository: what ``icesync.yaml`` says, typed."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from icesync.diagnostics import SourcePosition
    from icesync.model.secret import SecretRef

__all__ = [
    "EMULATOR",
    "VENDOR_BASE_URL",
    "Absent",
    "Api",
    "Backend",
    "Guard",
    "Level",
    "Limit",
    "LimitName",
    "Login",
    "OrgKey",
    "Project",
    "SecretScope",
    "StateSettings",
    "WireOptions",
]

EMULATOR: Final = "emulator"
"""The word that stands for the embedded emulator instead of an address."""

VENDOR_BASE_URL: Final = "https://www.enterice.com/ICEAPI"

_PRETENDED: Final = re.compile(
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


@dataclass(frozen=True, slots=True)
class WireOptions:
    """What the vendor leaves open about request bodies."""

    org_key: OrgKey = OrgKey.BOTH
    absent: Absent = Absent.EMPTY


@dataclass(frozen=True, slots=True)
class Login:
    """A login from which a token is obtained."""

    organization: int
    username: str
    password: SecretRef


@dataclass(frozen=True, slots=True)
class Api:
    """How ICE is reached; times in seconds."""

    base_url: str = VENDOR_BASE_URL
    token: SecretRef | None = None
    login: Login | None = None
    timeout_s: float = 30.0
    rate_per_s: float = 10.0
    concurrency: int = 4
    proxy: str | None = None
    ca_file: str | None = None
    wire: WireOptions = field(default_factory=WireOptions)

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


@dataclass(frozen=True, slots=True)
class Limit:
    """At most *count* changes, or *share* of the fleet (0 to 1); the stricter wins."""

    count: int | None = None
    share: float | None = None

    def ceiling(self, servers: int) -> int | None:
        """Return how many changes a fleet of *servers* may see; a share above 0 allows 1."""
        least = 1 if self.share else 0
        by_share = None if self.share is None else max(least, int(servers * self.share + 1e-9))
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


@dataclass(frozen=True, slots=True)
class SecretScope:
    """
    Which variables and files server files may refer to, as globs.

    Files are relative to the repository; a pull request cannot send
    ``GITHUB_TOKEN`` or ``/proc/self/environ`` as a mail password. ``.git`` and
    ``/proc`` stay closed whatever the globs say. *providers* are the schemes of
    other packages that may be loaded.
    """

    env_allow: tuple[str, ...] = ("ICE_*", "ICESYNC_SECRET_*")
    file_allow: tuple[str, ...] = ("**", "/run/secrets/**")
    providers: tuple[str, ...] = ()


class Backend(StrEnum):
    """The kinds of store that a snapshot may live in."""

    LOCAL = "local"
    HTTP = "http"
    OBJECTSTORE = "objectstore"


class Per(StrEnum):
    """What has a snapshot of its own."""

    ORGANIZATION = "organization"


ORGANIZATION_MARK: Final = "{organization}"
"""What stands for the organization in the place of a snapshot per organization."""


@dataclass(frozen=True, slots=True)
class StateSettings:
    """
    Where the snapshot lives: a file, an address in Terraform's protocol, or an object.

    *path* is for ``local``. For ``http`` there are *address* and the methods of
    the protocol, or *preset* ``gitlab`` with the *name* of the state and, outside
    of its own pipelines, the *project*. *url* is for ``objectstore``: ``s3://``,
    ``gs://`` or ``az://``. Credentials stand in none of them. With *per* each
    organization has a snapshot of its own, and the place holds ``{organization}``.
    """

    backend: Backend = Backend.LOCAL
    path: str = "icesync.state.json"
    address: str | None = None
    lock_address: str | None = None
    unlock_address: str | None = None
    update_method: str = "POST"
    lock_method: str = "LOCK"
    unlock_method: str = "UNLOCK"
    preset: str | None = None
    name: str | None = None
    project: str | None = None
    url: str | None = None
    per: Per | None = None

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


@dataclass(frozen=True, slots=True)
class Project:
    """
    One repository; *root* is the absolute folder of *config_file*.

    *positions* names the place of a setting of the configuration by its dotted
    path, for messages.
    """

    root: str
    config_file: str
    api: Api = field(default_factory=Api)
    files: tuple[str, ...] = ("servers/**/*.yaml",)
    state: StateSettings = field(default_factory=StateSettings)
    fingerprint_key: SecretRef | None = None
    limits: dict[LimitName, Limit] = field(
        default_factory=lambda: {
            LimitName.UPDATES: Limit(share=0.3),
            LimitName.DISABLES: Limit(count=1),
            LimitName.ADDS: Limit(count=20),
        }
    )
    guards: frozenset[Guard] = frozenset(Guard)
    rules: dict[str, Level] = field(default_factory=dict)
    secrets: SecretScope = field(default_factory=SecretScope)
    positions: dict[str, SourcePosition] = field(default_factory=dict)
