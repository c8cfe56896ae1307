"""
The JSON documents that icesync prints, as types: the renderers make them, the schemas derive.

``schemas/`` holds the printed form of :data:`DOCUMENTS`. Unknown members are
allowed: a minor ``format_version`` may add some, a major one may change what is
there. A type that stands in several documents is written once, under ``$defs``.
"""

# ruff: noqa: TC001, TC003 - the annotations are read when the schemas are made

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum
from types import NoneType, UnionType
from typing import (
    Annotated,
    Any,
    Final,
    Literal,
    NotRequired,
    TypeAlias,
    TypedDict,
    Union,
    get_args,
    get_origin,
    get_type_hints,
    is_typeddict,
)

from icesync.diagnostics import Severity
from icesync.model.desired import LayerKind
from icesync.model.explanation import AddressState
from icesync.model.fields import Source
from icesync.model.plan import Action, Reason
from icesync.model.probe import MailProtocol, Mode, ProbeKind, ProbeSeverity, StepName
from icesync.model.project import Absent, OrgKey
from icesync.model.report import Command, Health, OutcomeKind, ResultStatus
from icesync.model.secret import SecretComparison
from icesync.model.snapshot import EntryStatus

Schema: TypeAlias = dict[str, Any]


class _Also:
    """What a schema says of a type beside the type."""

    def __init__(self, **schema: Any) -> None:
        self.schema = schema


def _counts_of(kind: type[StrEnum]) -> _Also:
    count: Schema = {"type": "integer", "minimum": 0}
    return _Also(
        required=[member.value for member in kind],
        properties={member.value: count for member in kind},
    )


VERSION: Final = "1.0"
"""The ``format_version`` of every document."""

Version = Annotated[str, _Also(pattern=r"^1\.\d+$")]
Address = Annotated[str, _Also(pattern="^[1-9][0-9]*/[1-9][0-9]*$")]
Digest = Annotated[str, _Also(pattern="^sha256:[0-9a-f]{64}$")]
Time = Annotated[
    str, _Also(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$", description="UTC.")
]
Count = Annotated[int, _Also(minimum=0)]
Seconds = Annotated[float, _Also(minimum=0)]
SettingValue = str | int | bool | None
Folder = Annotated[
    str,
    _Also(description="Where the configuration is in its repository; empty at the root."),
]
Settings = Annotated[
    dict[str, Any] | None, _Also(description="Settings, those with a dot nested; secrets are null.")
]


class Position(TypedDict):
    """A line of a file, relative to the configuration; numbers count from 1."""

    file: str
    line: int
    column: int


class Terraform(TypedDict):
    """Before and after, as Terraform says it."""

    actions: list[Literal["no-op", "create", "update", "delete", "forget"]]
    before: Settings
    after: Settings
    after_unknown: dict[str, Any]
    before_sensitive: dict[str, Any]
    after_sensitive: dict[str, Any]


class FieldChanged(TypedDict):
    """A setting that differs."""

    key: str
    before: SettingValue
    after: SettingValue
    position: Position | None


class SecretSent(TypedDict):
    """A secret that is sent along; its value is nowhere."""

    key: str
    comparison: SecretComparison
    reference: str
    tag: str | None
    position: Position | None


class Change(TypedDict):
    """
    What happens to one server, in the shape of Terraform's resource_changes.

    One that moved says from where, and whether its old record stays as it is.
    """

    address: Address
    type: Literal["email_server"]
    mode: Literal["managed"]
    name: str
    action: Action
    action_reason: Reason | None
    change: Terraform
    fields: list[FieldChanged]
    secrets: list[SecretSent]
    prior: Digest | None
    position: Position | None
    previous_address: NotRequired[Address]
    previous_stays: NotRequired[bool]


class Target(TypedDict):
    """Where it would be sent."""

    base_url: str


class Selection(TypedDict):
    """What was asked for."""

    targets: list[str]
    excludes: list[str]
    resend: list[str]


class Certificate(TypedDict):
    """What the certificate says about itself."""

    subject: str
    issuer: str
    names: list[str]
    not_before: Time
    not_after: Time
    days_left: int


class Sender(TypedDict):
    """How the server answered MAIL FROM; null where it gave no verdict."""

    sender: str
    accepted: bool | None
    answer: str


class ServerWords(TypedDict):
    """The server's own words, cut."""

    code: str
    text: str


class Step(TypedDict):
    """A step of a login."""

    name: StepName
    elapsed_s: Seconds


class Login(TypedDict):
    """What a probe says about one block of one server; texts of mail servers are not escaped."""

    address: Address
    name: str
    file: str | None
    line: int | None
    protocol: MailProtocol
    host: str
    port: Count
    ip: str | None
    username: str
    mode: Mode
    mode_reason: str
    result: ProbeKind
    gravity: ProbeSeverity
    detail: str
    hint: str
    server: ServerWords
    tls_version: str | None
    cipher: str | None
    certificate: Certificate | None
    mechanisms_offered: list[str]
    mechanism: str | None
    senders: list[Sender]
    inbox_messages: Count | None
    notes: list[str]
    steps: list[Step]
    elapsed_s: Seconds
    attempts: Count
    shared_with: list[Address]


class Domain(TypedDict):
    """What DNS says about a domain that mail is sent from, by rules of thumb."""

    domain: str
    heuristic: str
    worrying: bool
    addresses: list[Address]


class Probe(TypedDict):
    """What the mail servers answered that icesync logged in to."""

    kind: Literal["icesync-probe"]
    format_version: Version
    note: str
    made_at: Time
    elapsed_s: Seconds
    logins: Count
    counts: Annotated[dict[str, int], _counts_of(ProbeSeverity)]
    results: list[Login]
    domains: list[Domain]


class Plan(TypedDict):
    """A plan, as `icesync plan --json` prints it and `plan -o` saves it."""

    kind: Literal["icesync-plan"]
    format_version: Version
    icesync_version: str
    target: Target
    lineage: str | None
    base_serial: Count
    key_id: str | None
    complete: bool
    terms: dict[str, Any]
    selection: Selection
    counts: Annotated[dict[str, int], _counts_of(Action)]
    resource_changes: list[Change]
    digest: Digest
    checksum: Digest
    probe: NotRequired[Probe]


class Start(TypedDict):
    """The first character."""

    line: int
    column: int


class Range(TypedDict):
    """Where: the file is relative to the configuration, numbers count from 1."""

    filename: str
    start: Start


class Finding(TypedDict):
    """A finding in a file."""

    rule: str
    severity: Severity
    summary: str
    detail: str
    range: Range


class Blocked(TypedDict):
    """What apply would refuse, and the argument of --allow that lets it through."""

    rule: str
    summary: str
    allow: str
    address: Address | None


class Stopped(TypedDict):
    """What stopped the command."""

    summary: str
    hints: list[str]
    exit_code: int


class Ended(TypedDict):
    """How the command ended."""

    exit_code: Count
    failure: Stopped | None


class FindingsBody(TypedDict):
    """Findings in files, in the shape of ``terraform validate -json``."""

    format_version: Version
    valid: bool
    error_count: Count
    warning_count: Count
    diagnostics: list[Finding]


class Findings(FindingsBody, Ended):
    """What validate found; also what a command says that was stopped before it had a plan."""

    kind: Literal["icesync-findings"]
    command: Command
    folder: Folder
    files: Count
    servers: Count
    refusals: list[Blocked]
    probe: NotRequired[Probe]


class Attempt(TypedDict):
    """One call that came back; it left so long after the start of the apply."""

    outcome: OutcomeKind
    started_s: Seconds
    elapsed_s: Seconds


class _Outcome(TypedDict):
    address: Address
    action: Action
    status: ResultStatus
    outcome: OutcomeKind | None
    detail: str | None


class Result(_Outcome):
    """How one change ended."""

    attempts: list[Attempt]


class ReportBody(TypedDict):
    """How an apply ended, without how the command ended."""

    kind: Literal["icesync-report"]
    format_version: Version
    complete: bool
    stopped: str | None
    serial: Count
    elapsed_s: Seconds
    counts: Annotated[dict[str, int], _counts_of(ResultStatus)]
    results: list[Result]


class Report(ReportBody, Ended):
    """How an apply ended."""

    probe: NotRequired[Probe]


class Confirmed(TypedDict):
    """When ICE confirmed a server last."""

    address: Address
    applied_at: Time


class LoginRejected(TypedDict):
    """A mail server that rejected the login, in the maintenance of a check."""

    address: Address
    protocol: MailProtocol
    result: ProbeKind


class CertificateEnding(TypedDict):
    """A certificate that ends within 21 days, in the maintenance of a check."""

    host: str
    port: Count
    not_after: Time
    addresses: list[Address]


class MaintenanceDue(TypedDict):
    """What a schedule looks after, beside the changes."""

    now: Time
    uncertain: list[Address]
    not_in_any_file: list[Address]
    max_age: str | None
    out_of_date: list[Address]
    oldest: list[Confirmed]
    token_ends_at: Time | None
    failed_logins: list[LoginRejected]
    certificates_ending: list[CertificateEnding]


class Check(Ended):
    """What check found."""

    kind: Literal["icesync-check"]
    format_version: Version
    folder: Folder
    plan: Plan
    refusals: list[Blocked]
    diagnostics: list[Finding]
    maintenance: MaintenanceDue
    probe: NotRequired[Probe]


class ProbeReport(Probe, Ended):
    """What the mail servers answered that icesync logged in to."""


class _Event(TypedDict):
    format_version: Version
    at: Time


class Started(_Event):
    """The run begins."""

    event: Literal["started"]
    icesync_version: str
    digest: Digest
    changes: Count
    calls: Count
    counts: Annotated[dict[str, int], _counts_of(Action)]


class Calling(_Event):
    """The intent is durable and the call leaves; without an outcome it is uncertain."""

    event: Literal["calling"]
    address: Address
    action: Action


class Outcome(_Event, _Outcome):
    """A change has ended."""

    event: Literal["outcome"]
    done: Count
    total: Count


class Paused(_Event):
    """No call leaves for a while."""

    event: Literal["paused"]
    wait_s: Seconds
    reason: str


class StoppedEarly(_Event):
    """The run was ended early."""

    event: Literal["stopped"]
    reason: str


class ReportSummary(_Event, Report):
    """The last line. How an apply ended."""

    event: Literal["summary"]


class FindingsSummary(_Event, Findings):
    """The last line of a run that was stopped before it had a plan."""

    event: Literal["summary"]


Event: TypeAlias = (
    Started | Calling | Outcome | Paused | StoppedEarly | ReportSummary | FindingsSummary
)


class ChainStep(TypedDict):
    """A layer that sets a value; the last one wins."""

    layer: LayerKind
    value: SettingValue
    position: Position | None


class FieldExplained(TypedDict):
    """Where one setting comes from, what is sent of it, and what ICE confirmed last."""

    key: str
    value: SettingValue
    sensitive: bool
    chain: list[ChainStep]
    sent: dict[str, SettingValue]
    sources: list[Source]
    meaning: str
    note: str
    confirmed: SettingValue


class ExplanationHead(TypedDict):
    """How every explanation begins."""

    kind: Literal["icesync-explanation"]
    format_version: Version
    address: Address


class ServerExplained(ExplanationHead):
    """Where every setting of one server comes from, as `icesync explain ADDR --json` prints it."""

    name: str
    standing: AddressState
    position: Position | None
    removal: str | None
    moved_from: Address | None
    moved_to: Address | None
    status: EntryStatus | None
    applied_at: Time | None
    fields: list[FieldExplained]


class SettingExplained(ExplanationHead, FieldExplained):
    """Where one setting comes from, as `icesync explain ADDR FIELD --json` prints it."""


class PortOffered(TypedDict):
    """A port, and how a connection to it is encrypted."""

    port: Count
    encryption: Literal["implicit", "starttls", "none"]


class ServerOffered(TypedDict):
    """One protocol; the recommended port comes first, other hosts of the provider are right too."""

    protocol: Literal["smtp", "pop3", "imap"]
    host: str
    other_hosts: list[str]
    ports: list[PortOffered]
    passwords_refused: str | None
    passwords_end: str | None


class ProviderExplained(TypedDict):
    """A mail provider; without a day of the check, the row only keeps the rules silent."""

    name: str
    title: str
    preset: bool
    servers: list[ServerOffered]
    all_ports: bool
    login: str
    username: str | None
    relay: bool
    source: str
    checked: str | None


class Providers(TypedDict):
    """What mail providers offer, as `icesync explain PROVIDER --json` prints it."""

    kind: Literal["icesync-providers"]
    format_version: Version
    providers: list[ProviderExplained]


class TopicRow(TypedDict):
    """A name that people meet, and what it means."""

    name: str
    text: str


class TopicPage(TypedDict):
    """A page of the reference."""

    name: str
    title: str
    entries: list[TopicRow]


class Topics(TypedDict):
    """The reference, as `icesync explain --json` and `icesync explain TOPIC --json` print it."""

    kind: Literal["icesync-topics"]
    format_version: Version
    topics: list[TopicPage]


class RuleExplained(TypedDict):
    """A rule; an example is there before and after, or not at all."""

    id: str
    severity: Literal["info", "warning", "error"]
    title: str
    what: str
    why: str
    before: str | None
    after: str | None
    source: str
    suppressible: bool


class Rules(TypedDict):
    """Rules, as `icesync explain rules --json` and `icesync explain RULE --json` print them."""

    kind: Literal["icesync-rules"]
    format_version: Version
    rules: list[RuleExplained]


class EntryShown(TypedDict):
    """What the state says about one server, without salts and fingerprints."""

    address: Address
    status: EntryStatus
    applied_at: Time | None
    attempted_at: Time | None
    revision: str | None
    settings: dict[str, SettingValue]
    secrets: Annotated[dict[str, str], _Also(description="References, never values.")]


class EntryDocument(EntryShown):
    """What the state says about one server, as `icesync state show --json` prints it."""

    kind: Literal["icesync-entry"]
    format_version: Version


class StateList(TypedDict):
    """What the state says about all servers, as `icesync state list --json` prints it."""

    kind: Literal["icesync-entries"]
    format_version: Version
    serial: Count
    lineage: str | None
    servers: list[EntryShown]


class SecretLooked(TypedDict):
    """One reference: whether it leads to a secret, and what its provider says of that."""

    reference: str
    provider: str
    found: bool
    problem: str | None
    hints: list[str]
    version: str | None
    changed_at: Time | None
    used_by: list[str]


class Secrets(TypedDict):
    """Where the references lead, as `icesync secrets check --json` prints it."""

    kind: Literal["icesync-secrets"]
    format_version: Version
    secrets: list[SecretLooked]


class DoctorCheck(TypedDict):
    """One thing that was looked at, how it is, and what to type."""

    name: str
    health: Health
    text: str
    hints: list[str]


class Doctor(TypedDict):
    """How the setup is, as `icesync doctor --json` prints it."""

    kind: Literal["icesync-doctor"]
    format_version: Version
    checks: list[DoctorCheck]


class Versions(TypedDict):
    """What runs, as `icesync version --json` prints it."""

    kind: Literal["icesync-version"]
    format_version: Version
    icesync: str
    python: str
    libraries: dict[str, str]


class StoredSecret(TypedDict):
    """A secret that was sent: its reference, and a keyed fingerprint with its salt."""

    ref: str
    salt: NotRequired[str]
    fingerprint: NotRequired[str]


class StoredRecord(TypedDict):
    """Settings and secrets of one call."""

    settings: dict[str, SettingValue]
    secrets: dict[str, StoredSecret]


class StoredMove(TypedDict):
    """The entry that was there under another address."""

    address: Address
    digest: str


class StoredWire(TypedDict):
    """How the body that ICE confirmed was spelled (`api.wire`), where not by the first defaults."""

    org_key: OrgKey
    absent: Absent


class StoredEntry(StoredRecord):
    """What is known of one server; *attempt* is the call whose outcome is not known."""

    status: EntryStatus
    digest: Digest
    applied_at: NotRequired[Time]
    revision: NotRequired[str]
    intent: NotRequired[str]
    attempted_at: NotRequired[Time]
    attempt: NotRequired[StoredRecord]
    bound_to: NotRequired[Address]
    moved_from: NotRequired[StoredMove]
    announced_over: NotRequired[str]
    wire: NotRequired[StoredWire]


class StoredKey(TypedDict):
    """The key of the fingerprints, by its name."""

    algorithm: str
    key_id: str


class StoredSafety(TypedDict):
    """The safeguards of the last apply by option, and their digest."""

    digest: Digest
    profile: dict[str, Any]


class StoredSentSecret(StoredSecret):
    """A secret that *host* was given, which no entry names any more."""

    address: Address
    key: str
    host: str
    bound_to: NotRequired[Address]


class StoredMemory(TypedDict):
    """What the guard host-change remembers of servers that are gone, and its digest."""

    digest: Digest
    secrets: list[StoredSentSecret]


class State(TypedDict):
    """The state as it is stored and committed; each entry and the head have a digest."""

    kind: Literal["icesync-state"]
    version: Annotated[int, _Also(minimum=1)]
    serial: Count
    lineage: str
    icesync_version: str
    target: Target
    servers: dict[str, StoredEntry]
    digest: Digest
    run: NotRequired[str]
    fingerprint: NotRequired[StoredKey]
    safety: NotRequired[StoredSafety]
    memory: NotRequired[StoredMemory]
    seals: NotRequired[dict[str, str]]


_BASE: Final = "https://json-schema.org/draft/2020-12/schema"
_PLAIN: Final = {str: "string", bool: "boolean", int: "integer", float: "number", NoneType: "null"}


class _Printer:
    """Turns types into a schema; types that are mappings are collected in *defs*."""

    def __init__(self) -> None:
        self.defs: dict[str, Schema] = {}

    def record(self, kind: Any) -> Schema:
        """Return the schema of a TypedDict."""
        hints = get_type_hints(kind, include_extras=True)
        text = " ".join((kind.__doc__ or "").split())
        return {
            "type": "object",
            **({"description": text} if text else {}),
            "required": [n for n, hint in hints.items() if get_origin(hint) is not NotRequired],
            "properties": {name: self.of(hint) for name, hint in hints.items()},
        }

    def of(self, kind: Any) -> Schema:
        """Return the schema of any type that a document is made of."""
        origin, arguments = get_origin(kind), get_args(kind)
        if is_typeddict(kind):
            if kind.__name__ not in self.defs:
                self.defs[kind.__name__] = {}
                self.defs[kind.__name__] = self.record(kind)
            return {"$ref": f"#/$defs/{kind.__name__}"}
        if isinstance(kind, type) and kind in _PLAIN:
            return {"type": _PLAIN[kind]}
        if isinstance(kind, type) and issubclass(kind, StrEnum):
            return {"enum": [member.value for member in kind]}
        makers: Mapping[Any, Callable[[], Schema]] = {
            Annotated: lambda: self.of(arguments[0]) | arguments[1].schema,
            NotRequired: lambda: self.of(arguments[0]),
            Literal: lambda: _literal(arguments),
            list: lambda: {"type": "array", "items": self.of(arguments[0])},
            dict: lambda: self._mapping(arguments[1]),
            Union: lambda: self._union(arguments),
            UnionType: lambda: self._union(arguments),
        }
        return makers[origin]()

    def _mapping(self, values: Any) -> Schema:
        return {"type": "object"} | (
            {} if values is Any or values is int else {"additionalProperties": self.of(values)}
        )

    def _union(self, kinds: tuple[Any, ...]) -> Schema:
        schemas = [self.of(kind) for kind in kinds]
        if all(set(schema) == {"type"} for schema in schemas):
            return {"type": [schema["type"] for schema in schemas]}
        return {"anyOf": schemas}


def _literal(values: tuple[Any, ...]) -> Schema:
    return {"const": values[0]} if len(values) == 1 else {"enum": list(values)}


def _document(title: str, kind: Any) -> Schema:
    printer = _Printer()
    body = printer.record(kind) if is_typeddict(kind) else printer.of(kind)
    if not is_typeddict(kind):
        body = {"description": "One line of `icesync apply --json`.", "oneOf": body["anyOf"]}
    defs = {name: printer.defs[name] for name in sorted(printer.defs)}
    return {
        "$schema": _BASE,
        "title": f"icesync {title}",
        **body,
        **({"$defs": defs} if defs else {}),
    }


DOCUMENTS: Final[Mapping[str, Schema]] = {
    "plan": _document("plan", Plan),
    "findings": _document("findings", Findings),
    "report": _document("report of an apply", Report),
    "check": _document("check", Check),
    "probe": _document("probe", ProbeReport),
    "events": _document("event of an apply", Event),
    "explanation": _document("explanation", ServerExplained),
    "setting": _document("explanation of a setting", SettingExplained),
    "providers": _document("mail providers", Providers),
    "topics": _document("reference", Topics),
    "rules": _document("rules", Rules),
    "entry": _document("entry of the state", EntryDocument),
    "entries": _document("entries of the state", StateList),
    "secrets": _document("secret references", Secrets),
    "doctor": _document("doctor", Doctor),
    "version": _document("version", Versions),
    "state": _document("state", State),
}
"""The schemas of documents by name; ``schemas/NAME.schema.json`` is the printed form."""
