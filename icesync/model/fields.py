"""
THE table: one row a setting of an email server.

The JSON Schema, the strict reader, the request body, the order of a diff and
the documentation table derive from these rows. Adding a field is adding a row.

Facts about ICE carry their source: ``doc:sample`` (the vendor's printed
request), ``doc:table`` (the parameter table below it), ``assumed`` (our
reading where the document is silent).
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Final, TypeAlias

from icesync.frozen import frozen

if TYPE_CHECKING:
    from collections.abc import Mapping


Setting: TypeAlias = int | bool | str
"""A typed value of one setting."""


class _Settings:
    """An object whose dict shares its keys with those of the others (PEP 412)."""


def new_settings(*layers: Mapping[str, Setting]) -> dict[str, Setting]:
    """
    Return settings by key, from *layers*, of which a later one wins.

    The dicts of a fleet have the same keys and share them, which takes a third of the memory.
    They do as long as they are filled key by key, not from another dict at once.
    """
    settings = vars(_Settings())
    for layer in layers:
        settings.update(zip(layer.keys(), layer.values(), strict=True))
    return settings


class Kind(StrEnum):
    """What a value is, for the person who writes it."""

    TEXT = "text"
    ID = "id"
    PORT = "port"
    POLL_RATE = "poll rate"
    VERSION = "version"
    FLAG = "flag"
    STATUS = "status"
    INCOMING = "incoming"
    MODE = "mode"
    LOGIN = "login"
    SECRET = "secret"  # noqa: S105 - the name of a kind
    PRESET = "preset"


class Role(StrEnum):
    """What a value is for."""

    ADDRESS = "address"
    """names the record"""
    SENT = "sent"
    """rides in the request and is compared"""
    TRIGGER = "trigger"
    """stays local; a change of it forces a send"""
    LABEL = "label"
    """stays local; for people"""
    PRESET = "preset"
    """stays local; fills settings that have no value"""
    LOCAL = "local"
    """stays local; for icesync itself"""


class Presence(StrEnum):
    """Whether a value must be there once defaults are merged."""

    REQUIRED = "required"
    OPTIONAL = "optional"
    IN_USE = "in use"
    """required when its block is in use: ``smtp`` always, ``pop3`` or ``imap`` by ``incoming``"""


class WireType(StrEnum):
    """The JSON type that the vendor's sample prints."""

    STRING = "string"
    NUMBER = "number"
    BOOLEAN = "boolean"
    NONE = "none"


class Source(StrEnum):
    """Where a fact about ICE comes from."""

    SAMPLE = "doc:sample"
    TABLE = "doc:table"
    ASSUMED = "assumed"
    ICESYNC = "icesync"


@frozen
class Field:
    """
    One setting.

    *key* is its dotted YAML path below the server, *wire* the names it is sent
    under (more than one where the vendor's sample and table disagree).
    """

    key: str
    wire: tuple[str, ...]
    kind: Kind
    wire_type: WireType
    presence: Presence
    meaning: str
    example: str
    role: Role = Role.SENT
    sources: tuple[Source, ...] = (Source.SAMPLE, Source.TABLE)
    note: str = ""

    @property
    def block(self) -> str:
        """The mapping that holds the key, or an empty string at the server's top."""
        return self.key.rpartition(".")[0]

    @property
    def leaf(self) -> str:
        """The last part of the key."""
        return self.key.rpartition(".")[2]

    @property
    def secret(self) -> bool:
        """Whether the value may only be given by reference, and is never shown."""
        return self.kind is Kind.SECRET


_EXAMPLES: Final = {"smtp": "sendgrid", "pop3": "gmx", "imap": "gmail"}


def _preset(key: str, meaning: str, example: str) -> Field:
    return Field(
        key,
        (),
        Kind.PRESET,
        WireType.NONE,
        Presence.OPTIONAL,
        meaning,
        example,
        Role.PRESET,
        (Source.ICESYNC,),
    )


def _login(block: str, label: str) -> tuple[Field, ...]:
    """Return the row that switches the login off, which only sending can do without."""
    if block != "smtp":
        return ()
    return (
        Field(
            "smtp.login",
            (),
            Kind.LOGIN,
            WireType.NONE,
            Presence.OPTIONAL,
            f"{label}: password, or none for a relay that accepts ICE by its IP address; "
            "then user name and password are sent empty",
            "none",
            Role.TRIGGER,
            (Source.ICESYNC,),
            "the vendor documents no flag for this; that ICE skips the login if both are "
            "empty is an assumption",
        ),
    )


NO_LOGIN: Final = "none"
"""The value of ``smtp.login`` for a relay that asks for none."""


def needs_login(settings: Mapping[str, Setting]) -> bool:
    """Return whether ICE logs in to send: a relay may know it by its address instead."""
    return settings.get("smtp.login") != NO_LOGIN


LOGIN_KEYS: Final = ("smtp.username", "smtp.password")
"""What a relay without a login has none of."""


def _mail_block(
    block: str, prefix: str, label: str, port: str, note: str = ""
) -> tuple[Field, ...]:
    """Return the six rows of one mail protocol; the vendor names all three alike."""

    def row(leaf: str, suffix: str, kind: Kind, meaning: str, example: str) -> Field:
        return Field(
            f"{block}.{leaf}",
            (prefix + suffix,),
            kind,
            WireType.STRING,
            Presence.IN_USE,
            f"{label}: {meaning}",
            example,
            note=note if suffix in {"UserName", "Pollrate"} else "",
        )

    return (
        _preset(
            f"{block}.preset", f"{label}: a known provider, for this block only", _EXAMPLES[block]
        ),
        *_login(block, label),
        row("host", "ServerAddress", Kind.TEXT, "host of the server", f"{block}.mail.com"),
        row("port", "Port", Kind.PORT, "port, 1 to 65535; a string in the request", port),
        row("username", "UserName", Kind.TEXT, "user name for the login", "alex"),
        row(
            "password",
            "Password",
            Kind.SECRET,
            "password for the login, as a reference",
            f"ref+env://ICE_59_663_{block.upper()}",
        ),
        row("mailbox", "Mailbox", Kind.TEXT, "email address of the mailbox", "support@example.org"),
        row(
            "poll_rate",
            "Pollrate",
            Kind.POLL_RATE,
            "poll rate, a positive integer; the vendor does not document the unit",
            "10",
        ),
    )


FIELDS: Final = (
    Field(
        "organization",
        ("OrgId", "OrganizationId"),
        Kind.ID,
        WireType.NUMBER,
        Presence.REQUIRED,
        "id of the organization; set once at the top of a file",
        "59",
        Role.ADDRESS,
        note="the sample prints OrgId, the table OrganizationId; both are sent unless "
        "`api.wire.org_key` names one",
    ),
    Field(
        "skill",
        ("SkillId",),
        Kind.ID,
        WireType.NUMBER,
        Presence.REQUIRED,
        "id of the skill (a queue)",
        "663",
        Role.ADDRESS,
    ),
    Field(
        "name",
        (),
        Kind.TEXT,
        WireType.NONE,
        Presence.OPTIONAL,
        "for people; never sent",
        "Support EU",
        Role.LABEL,
        (Source.ICESYNC,),
    ),
    _preset("preset", "a known provider: sets hosts, ports and flags that are not given", "gmail"),
    Field(
        "email_server_id",
        ("EmailServerId",),
        Kind.ID,
        WireType.NUMBER,
        Presence.OPTIONAL,
        "id of the email server; sent only when given",
        "17",
        sources=(Source.TABLE,),
        note="absent from the sample request, so its effect is unconfirmed",
    ),
    Field(
        "status",
        ("Status",),
        Kind.STATUS,
        WireType.STRING,
        Presence.REQUIRED,
        "Enabled or Disabled",
        "Enabled",
    ),
    Field(
        "active",
        ("IsActive",),
        Kind.FLAG,
        WireType.BOOLEAN,
        Presence.REQUIRED,
        "true = active",
        "true",
        sources=(Source.TABLE,),
        note="absent from the sample request, so its effect is unconfirmed",
    ),
    Field(
        "incoming",
        ("IsImap",),
        Kind.INCOMING,
        WireType.BOOLEAN,
        Presence.REQUIRED,
        "how mail is collected: pop3 or imap",
        "pop3",
    ),
    Field(
        "ssl",
        ("IsSSL",),
        Kind.FLAG,
        WireType.BOOLEAN,
        Presence.REQUIRED,
        "true = SSL enabled",
        "false",
        note="which protocols the flag concerns is not documented",
    ),
    Field(
        "tls",
        ("IsTLS",),
        Kind.FLAG,
        WireType.BOOLEAN,
        Presence.REQUIRED,
        "true = TLS enabled",
        "true",
        note="which protocols the flag concerns is not documented",
    ),
    Field(
        "spoofing.enabled",
        ("IsEmailSpoofing",),
        Kind.FLAG,
        WireType.BOOLEAN,
        Presence.OPTIONAL,
        "true = mail is sent from the spoofing address",
        "true",
    ),
    Field(
        "spoofing.address",
        ("SpoofEmail",),
        Kind.TEXT,
        WireType.STRING,
        Presence.OPTIONAL,
        "the spoofing address",
        "help@example.org",
    ),
    *_mail_block("smtp", "SMTP", "sending", "587"),
    *_mail_block("pop3", "Pop3", "collecting by POP3", "995", "the table spells it in lower case"),
    *_mail_block("imap", "Imap", "collecting by IMAP", "993"),
    *(
        Field(
            f"password_version.{block}",
            (),
            Kind.VERSION,
            WireType.NONE,
            Presence.OPTIONAL,
            f"increase it to send the {block} password again, if you do not use fingerprints",
            "2",
            Role.TRIGGER,
            (Source.ICESYNC,),
        )
        for block in ("smtp", "pop3", "imap")
    ),
    *(
        Field(
            f"probe.{block}",
            (),
            Kind.MODE,
            WireType.NONE,
            Presence.OPTIONAL,
            f"how a probe encrypts {block}, instead of by port and flags: implicit, "
            "starttls or none",
            "starttls",
            Role.LOCAL,
            (Source.ICESYNC,),
        )
        for block in ("smtp", "pop3", "imap")
    ),
)
"""All rows, in the order of documents, diffs and tables."""

FIELDS_BY_KEY: Final = {field.key: field for field in FIELDS}

SETTING_FIELDS: Final = tuple(f for f in FIELDS if f.role in {Role.SENT, Role.TRIGGER})
"""The rows that the snapshot remembers and a plan compares."""

SENT_FIELDS: Final = tuple(f for f in FIELDS if f.role is Role.SENT)
"""The rows that ride in a request, besides the address."""

BLOCKS: Final = tuple(dict.fromkeys(f.block for f in FIELDS if f.block))
"""The nested mappings of a server, in order."""

INCOMING_BLOCKS: Final = ("pop3", "imap")
"""The two ways to collect mail, of which ``incoming`` chooses one."""
