"""Resolve references, each once a run, in threads, and compare what they give with the snapshot."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import field, replace
from enum import StrEnum
from threading import Lock, Thread
from typing import TYPE_CHECKING, Final, Generic, TypeVar

from icesync.diagnostics import Diagnostic, SourcePosition, sort_diagnostics
from icesync.errors import ConfigInvalid, SecretIsDocument, SecretMissing
from icesync.frozen import frozen
from icesync.model.plan import Plan, Reason, ResourceChange, SecretChange
from icesync.model.secret import (
    Misspelling,
    SecretComparison,
    SecretFindings,
    SecretIdentity,
    SecretRef,
    SecretValue,
    ask_for,
    identity_by_spelling,
    parse_secret_ref,
    read_secret_ref,
)
from icesync.ports import SecretProvider, reads_references

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from icesync.codec.fingerprint import FingerprintKey
    from icesync.model.desired import Address, DesiredServer, DesiredState
    from icesync.model.snapshot import Entry, SecretRecord, Snapshot

T = TypeVar("T")

_WORKERS: Final = 8
_LOOK_UP_S: Final = 0.2


def run_parallel(do: Callable[[T], None], things: Sequence[T], *, workers: int = _WORKERS) -> None:
    """
    Call *do* with each of *things*, *workers* at a time at most, and return when all are done.

    An interrupt leaves at once: the threads are daemons, so nobody waits for a
    far end that does not answer.

    Raises:
        BaseException: the first that *do* raised; what was not begun then stays undone.

    """
    left = iter(things)
    turn = Lock()
    raised: list[BaseException] = []

    def work() -> None:
        while not raised:
            with turn:
                thing = next(left, _END)
            if thing is _END:
                return
            try:
                do(thing)  # type: ignore[arg-type]
            except BaseException as error:  # noqa: BLE001 - told by who waits
                raised.append(error)

    threads = [Thread(target=work, daemon=True) for _ in range(min(workers, len(things)))]
    for thread in threads:
        thread.start()
    for thread in threads:
        while thread.is_alive():
            # In turns: a signal that comes just before a wait is not seen during it.
            thread.join(_LOOK_UP_S)
    if raised:
        raise raised[0]


_END: Final = object()


class SecretsMode(StrEnum):
    """What a plan does about secrets."""

    AUTO = "auto"
    """look at those that are there, warn about the others"""
    REQUIRE = "require"
    """every one must be there"""
    SKIP = "skip"
    """look at none"""


@frozen
class Resolution:
    """Secrets by the text of their reference, and why the others could not be had."""

    values: Mapping[str, SecretValue] = field(default_factory=dict)
    failures: Mapping[str, SecretMissing] = field(default_factory=dict)


def resolve_references(
    references: Iterable[SecretRef], providers: Mapping[str, SecretProvider]
) -> Resolution:
    """
    Return what *references* lead to; each is looked up once, however many servers use it.

    What must be asked for outside of this process is asked for side by side.
    """
    values: dict[str, SecretValue] = {}
    failures: dict[str, SecretMissing] = {}
    distant: dict[str, tuple[SecretRef, SecretProvider]] = {}
    opened: dict[str, SecretProvider | None] = {}
    for reference in references:
        text, scheme = reference.text, reference.scheme
        if text in values or text in failures or text in distant:
            continue
        if scheme not in opened:
            opened[scheme] = providers.get(scheme)
        provider = opened[scheme]
        if provider is None:
            failures[text] = SecretMissing(f"`{text}` names an unknown secret provider")
        elif provider.remote:
            distant[text] = (reference, provider)
        else:
            _fetch(reference, provider, values, failures)
    if distant:
        run_parallel(lambda each: _fetch(*each, values, failures), list(distant.values()))
    return Resolution(values, failures)


def _fetch(
    reference: SecretRef,
    provider: SecretProvider,
    values: dict[str, SecretValue],
    failures: dict[str, SecretMissing],
) -> None:
    try:
        values[reference.text] = fetch_one(reference, provider)
    except SecretMissing as error:
        failures[reference.text] = error


def fetch_one(reference: SecretRef, provider: SecretProvider) -> SecretValue:
    """
    Return the one secret behind *reference*.

    Raises:
        SecretIsDocument: it is a whole document, in which there may be all secrets of a team.
        SecretMissing: there is none, or only what stands for one.

    """
    from icesync.codec.fingerprint import is_document, is_placeholder

    value = provider.fetch(reference)
    if is_document(value):
        message = f"`{reference}` is a document (several lines, or JSON), not one secret"
        raise SecretIsDocument(message, _way_into(reference, provider))
    if is_placeholder(value):
        by_variable = reference.scheme == "env"
        raise SecretMissing(
            f"{reference.path if by_variable else reference} still has the placeholder",
            ask_for([reference.path]) if by_variable else "store the real value there",
        )
    return value


def _way_into(reference: SecretRef, provider: SecretProvider) -> str:
    """Return how to name one secret of the document behind *reference*, where that can be."""
    keyed = None if reference.fragment else parse_secret_ref(f"{reference}#/KEY")
    if keyed is not None and reads_references(provider):
        with suppress(SecretMissing):
            provider.identify(keyed)
            return f"name the key: {keyed}"
    return "store the secret alone there"


def identify(reference: SecretRef, providers: Mapping[str, SecretProvider]) -> SecretIdentity:
    """
    Return what *reference* leads to, whatever its spelling and version.

    Raises:
        SecretMissing: no such secret can be.
        SecretForbidden: it must not be looked up.

    """
    if reads_references(providers):
        return providers.identify(reference)
    provider: object = providers.get(reference.scheme)
    if reads_references(provider):
        return provider.identify(reference)
    return identity_by_spelling(reference)


class Identities:
    """Identities by the text of a reference, each found once a run."""

    def __init__(self, providers: Mapping[str, SecretProvider]) -> None:
        self._providers = providers
        self._known: dict[str, SecretIdentity] = {}

    def of(self, text: str) -> SecretIdentity:
        """Return what the reference *text* leads to; itself where that cannot be said."""
        if text not in self._known:
            try:
                found = identify(read_stored_reference(text), self._providers)
            except SecretMissing:
                # The state may hold what the files may not refer to any more.
                document, _, fragment = text.partition("#")
                found = SecretIdentity(document, fragment)
            self._known[text] = found
        return self._known[text]


class BySecret(Generic[T]):
    """
    Things by the secret that they are about, whatever its spelling.

    Whoever has a document has each secret in it, so things of the whole are found by a
    part (:meth:`at`), and those of its parts by the whole (:meth:`inside`).
    """

    def __init__(self, things: Iterable[tuple[SecretIdentity, T]]) -> None:
        self._at: dict[SecretIdentity, set[T]] = {}
        self._inside: dict[SecretIdentity, set[T]] = {}
        for identity, thing in things:
            self._at.setdefault(identity, set()).add(thing)
            for whole in identity.wholes:
                self._inside.setdefault(whole, set()).add(thing)

    def __bool__(self) -> bool:
        return bool(self._at)

    def at(self, identity: SecretIdentity) -> set[T]:
        """Return the things of the secret itself and of what it is a part of."""
        found = (self._at.get(each) for each in (identity, *identity.wholes))
        return set().union(*filter(None, found))

    def inside(self, identity: SecretIdentity) -> set[T]:
        """Return the things of secrets that are parts of it."""
        return self._inside.get(identity, set())


def open_key(
    reference: SecretRef, providers: Mapping[str, SecretProvider], snapshot: Snapshot
) -> FingerprintKey:
    """
    Return the fingerprint key.

    Raises:
        SecretMissing: there is none, or it is no key.
        ConfigInvalid: it is another key than the snapshot's.

    """
    from icesync.codec.fingerprint import read_key

    way = (
        "run `icesync keygen` to create one"
        if snapshot.key_id is None
        else f"get the key {snapshot.key_id} from whoever made it; do not make a new one"
    )
    resolution = resolve_references([reference], providers)
    for failure in resolution.failures.values():
        raise type(failure)(f"the fingerprint key: {failure.message}", *failure.hints, way)
    key = read_key(resolution.values[reference.text])
    if key is None:
        raise SecretMissing(f"the fingerprint key in {reference} is not 256 bits in base64", way)
    if snapshot.key_id is not None and snapshot.key_id != key.id:
        raise ConfigInvalid(
            f"wrong fingerprint key: the state uses {snapshot.key_id}, this is {key.id}", way
        )
    return key


def absent_key(snapshot: Snapshot) -> SecretMissing | None:
    """Return what is wrong where no key is configured: nothing, unless *snapshot* has one."""
    if snapshot.key_id is None:
        return None
    return SecretMissing(
        f"the state needs the fingerprint key {snapshot.key_id}, and there is none here",
        "set ICESYNC_FINGERPRINT_KEY to the key of whoever ran `icesync init`",
        "if that key is lost: run `icesync apply --allow state-edited --resend all` to send every "
        "server again and go on without it",
    )


def compare(
    desired: DesiredState,
    snapshot: Snapshot,
    resolution: Resolution,
    key: FingerprintKey | None,
) -> SecretFindings:
    """Return how the secrets of *desired* compare with those last acknowledged."""
    exceptions: dict[Address, Mapping[str, SecretComparison]] = {}
    for address, server in desired.servers.items():
        entry = snapshot.entries.get(address)
        if entry is None:
            continue
        found = _compare_server(server, entry, resolution, key)
        if found:
            exceptions[address] = found
    return SecretFindings(SecretComparison.UNCHANGED, exceptions)


def _compare_server(
    server: DesiredServer, entry: Entry, resolution: Resolution, key: FingerprintKey | None
) -> dict[str, SecretComparison]:
    from icesync.codec.fingerprint import fits

    found = {}
    bound_to = entry.bound_to or server.address
    for name, reference in server.secrets.items():
        record = entry.secrets.get(name)
        value = resolution.values.get(reference.text)
        if record is None:
            found[name] = SecretComparison.CHANGED
        elif record.fingerprint is None or key is None or value is None:
            found[name] = _by_reference(record, reference)
        elif not fits(key, record.fingerprint, bound_to, name, value):
            found[name] = SecretComparison.CHANGED
    return found


def _by_reference(record: SecretRecord, reference: SecretRef) -> SecretComparison:
    """
    Return what can be said where values cannot be compared: another reference is another secret.

    So the plan of a fork, which sees no secret, still shows that one was replaced.
    """
    if record.reference != reference.text:
        return SecretComparison.CHANGED
    return SecretComparison.NOT_COMPARED


def missing_secrets(desired: DesiredState, resolution: Resolution) -> tuple[Diagnostic, ...]:
    """Return a finding for every place whose reference gave nothing, sorted by place."""
    if not resolution.failures:
        return ()
    found = []
    for address, server in desired.servers.items():
        for key, reference in server.secrets.items():
            failure = resolution.failures.get(reference.text)
            if failure is not None:
                message = f"{address}: `{key}`: {failure.message}"
                hint = failure.hints[0] if failure.hints else None
                position = server.origin.position(key)
                found.append(Diagnostic("ICE412", message, position, hint))
    return sort_diagnostics(found)


def attach_tags(plan: Plan, resolution: Resolution, key: FingerprintKey | None) -> Plan:
    """Return *plan* with a tag for each secret that was seen and will be sent."""
    if key is None:
        return plan
    changes = tuple(
        _tagged(change, resolution, key) if change.action.sends else change
        for change in plan.changes
    )
    return replace(plan, changes=changes, key_id=key.id)


def _tagged(change: ResourceChange, resolution: Resolution, key: FingerprintKey) -> ResourceChange:
    from icesync.codec.fingerprint import secret_tag

    values, address = resolution.values, change.address
    secrets = tuple(
        SecretChange(
            s.key,
            s.comparison,
            s.reference,
            secret_tag(key, address, s.key, values[s.reference]),
            s.place,
        )
        if s.reference in values
        else s
        for s in change.secrets
    )
    return replace(change, secrets=secrets)


def planned_references(plan: Plan) -> tuple[SecretRef, ...]:
    """
    Return the references whose values the calls of *plan* need.

    One that the state holds in a spelling of old is looked up as it is spelled now.
    """
    texts = {s.reference for change in plan.calls for s in change.secrets if s.reference}
    return tuple(map(read_stored_reference, sorted(texts)))


def read_stored_reference(text: str) -> SecretRef:
    """Return the reference *text* of a state, which may be older than today's spelling."""
    found = read_secret_ref(text)
    if isinstance(found, Misspelling):
        right = parse_secret_ref(found.spelling) if found.spelling else None
        return right._replace(text=text) if right else SecretRef(text, "", "")
    return found


def unfingerprinted(snapshot: Snapshot) -> int:
    """Return how many acknowledged secrets have no fingerprint to be compared with."""
    return sum(
        record.fingerprint is None
        for entry in snapshot.entries.values()
        for record in entry.secrets.values()
    )


def missing_for_the_removed(
    plan: Plan, resolution: Resolution, elsewhere: SourcePosition
) -> tuple[Diagnostic, ...]:
    """
    Return a finding for each secret that is not there for a server that no file defines.

    Their references come from the state: a call replaces the whole record, and no
    file names their passwords any more. *elsewhere* is the place of those that no file
    names at all.
    """
    found = [
        Diagnostic(
            "ICE412",
            f"{change.address}: `{s.key}`: {failure.message}",
            change.position or elsewhere,
            "to remove it without a call: `action: forget` under `removed:`, or icesync "
            f"state rm {change.address}",
        )
        for change in plan.calls
        if change.reason in {Reason.REMOVED_IN_FILES, Reason.LEFT_UNCERTAIN, Reason.LEFT_PUT_BACK}
        for s in change.secrets
        if (failure := resolution.failures.get(s.reference)) is not None
    ]
    return sort_diagnostics(found)
