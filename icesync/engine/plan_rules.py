"""
The rules that need what only a plan knows: secrets, and what would change.

A name in a file is whatever its author writes, so no guard may stand on it. Two
references lead to one secret where their provider says so
(:class:`icesync.ports.ReferenceReader`), or where the values are equal. Values
are compared under a key: with those in memory, and with the fingerprints of the
state, which know what ICE was given although nobody else does any more.

And a run is held to the safety profile that the last apply recorded.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Final, TypeAlias

from icesync.codec.fingerprint import (
    KEY_BYTES,
    ContainedSecrets,
    FingerprintKey,
    equals,
    fits,
    fits_form,
    group_equal,
    length,
    secret_issue,
    value_tag,
)
from icesync.config.rules import UnplacedFinding, Violation
from icesync.diagnostics import SourcePosition
from icesync.engine.secret_resolution import BySecret, resolve_references
from icesync.frozen import frozen
from icesync.model.fields import INCOMING_BLOCKS
from icesync.model.plan import SAFEGUARDS, Action, Refusal
from icesync.model.presets import preset_of
from icesync.model.project import Guard, LimitName, Project, value_of
from icesync.model.safety import common_globs, describe, loosened, tightened
from icesync.model.secret import SecretComparison
from icesync.model.snapshot import host_key, sent_secrets
from icesync.planner.policy import FIRST_ADDS, disables
from icesync.ports import CredentialHolder, NarrowableProviders
from icesync.regex import regex

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from icesync.engine.secret_resolution import Identities, Resolution
    from icesync.model.desired import Address, DesiredServer, DesiredState
    from icesync.model.fields import Setting
    from icesync.model.plan import Plan
    from icesync.model.presets import Preset
    from icesync.model.safety import SafetyProfile
    from icesync.model.secret import SecretRef, SecretValue
    from icesync.model.snapshot import SentSecret, Snapshot
    from icesync.planner.policy import ConfirmedHosts
    from icesync.ports import SecretProvider


def confirmed_hosts(
    plan: Plan,
    snapshot: Snapshot,
    elsewhere: Iterable[DesiredServer] = (),
    *,
    values: Mapping[str, SecretValue],
    key: FingerprintKey | None,
    identities: Identities,
) -> ConfirmedHosts:
    """
    Return, for each secret that *plan* sends, the hosts that were given it so far.

    *elsewhere* are servers of other runs that no state knows. What the files say of them can
    hold a secret back from another host, and never makes a host known. Secrets that no
    host was given are left out. One that has not changed, and whose reference was at its
    host before, is not looked for by another reference, nor by its value: that takes an
    identity and a digest for each entry. Of one that changed, the reference proves nothing:
    it may lead to what others were given.
    """
    sent = {secret.reference for change in plan.calls for secret in change.secrets}
    if not sent:
        return {}
    by_text: dict[str, set[Setting]] = {}
    given = tuple(_sent(snapshot))
    for one in given:
        if one.secret.reference in sent:
            by_text.setdefault(one.secret.reference, set()).add(one.host)
    in_files = _hosts_in_files(elsewhere, identities)
    known: _Sightings | None = None
    found = {}
    for change in plan.calls:
        for secret in change.secrets:
            text, goes_to = secret.reference, (change.after or {}).get(host_key(secret.key), "")
            hosts: _Hosts = frozenset(by_text.get(text, ()))
            may_differ = key and text in values and secret.comparison is SecretComparison.CHANGED
            if given and (goes_to not in hosts or may_differ):
                known = known or _Sightings(snapshot, values, key, identities)
                hosts = known.hosts_of(text, goes_to, known=goes_to in hosts)
            if in_files and not hosts:
                identity = identities.of(text)
                wanted = in_files.at(identity) | in_files.inside(identity)
                hosts = frozenset(wanted - {goes_to})
            if hosts:
                found[change.address, secret.key] = hosts
    return found


def _hosts_in_files(servers: Iterable[DesiredServer], identities: Identities) -> BySecret[Setting]:
    """Return where *servers* want each secret to be sent."""
    return BySecret(
        (identities.of(reference.text), host)
        for server in servers
        for key, reference in server.secrets.items()
        if (host := server.settings.get(host_key(key))) is not None
    )


_Hosts: TypeAlias = "frozenset[Setting]"


def _sent(snapshot: Snapshot) -> Iterator[SentSecret]:
    """Yield the secrets that hosts were given: of the entries, and of those that are gone."""
    yield from sent_secrets(snapshot.entries)
    yield from snapshot.memory


def _hosts(sent: Iterable[SentSecret]) -> _Hosts:
    return frozenset(one.host for one in sent)


class _Sightings:
    """Which hosts were given a secret, as the state knows it."""

    def __init__(
        self,
        snapshot: Snapshot,
        values: Mapping[str, SecretValue],
        key: FingerprintKey | None,
        identities: Identities,
    ) -> None:
        self._key = key
        self._values = values
        self._identities = identities
        # A key of this run tells equal values without opening one.
        self._run_key = FingerprintKey(os.urandom(KEY_BYTES))
        self._tags: dict[str, str] = {}
        self._found: dict[tuple[str, Setting, bool], _Hosts] = {}
        self._at: dict[Address, set[SentSecret]] = {}
        self._by_tag: dict[str, set[SentSecret]] = {}
        self._rotated: list[SentSecret] = []
        self._unresolved: list[SentSecret] = []
        seen: dict[str, SecretValue] = {}
        for sent in _sent(snapshot):
            text = sent.secret.reference
            self._at.setdefault(sent.address, set()).add(sent)
            if text in values:
                self._by_tag.setdefault(self._tag(text), set()).add(sent)
                seen[self._tag(text)] = values[text]
            if sent.secret.fingerprint and text not in values:
                self._unresolved.append(sent)
            elif sent.secret.fingerprint and not self._fits(sent, values[text]):
                self._rotated.append(sent)
        self._by_identity = BySecret(
            (identities.of(one.secret.reference), one) for one in _sent(snapshot)
        )
        self._contained = ContainedSecrets(seen)

    def hosts_of(self, text: str, goes_to: Setting, *, known: bool) -> _Hosts:
        """
        Return the hosts that were given what *text* leads to, which is about to go to *goes_to*.

        Where some entry proves that it held this very value, those that held another one
        count for nothing, but by the reference that is proved. *known* says that *text*
        itself was at the host before: what it may lead to now is not looked for among
        passwords that were replaced.
        """
        asked = text, goes_to, known
        if asked not in self._found:
            self._found[asked] = self._look_for(text, goes_to, known=known)
        return self._found[asked]

    def _look_for(self, text: str, goes_to: Setting, *, known: bool) -> _Hosts:
        identity = self._identities.of(text)
        related = self._by_identity.at(identity)
        # A host that was given one secret of a document was not given the others.
        parts = _hosts(self._by_identity.inside(identity)) - {goes_to}
        value = self._values.get(text)
        if value is None:
            return _hosts(related) | parts
        related |= self._by_tag.get(self._tag(text), set())
        elsewhere = self._unresolved if known else (*self._unresolved, *self._rotated)
        proved = {one for one in (*related, *elsewhere) if self._fits(one, value)}
        if proved:
            own = {one for one in related if one.secret.reference == text}
            related = {one for one in related if not self._is_comparable(one)} | proved
            related |= own if own & proved else set()
        addresses = {one.address for one in related}
        if addresses and all(goes_to in _hosts(self._at[address]) for address in addresses):
            # One mailbox with one password by two references: it may go to both its hosts.
            parts |= {goes_to}
        tags = self._contained.names_in(value)
        contained = _hosts(one for tag in tags for one in self._by_tag[tag]) - {goes_to}
        hosts = _hosts(related) | parts | contained
        return hosts - {goes_to} if contained and goes_to not in _hosts(proved) else hosts

    def _tag(self, text: str) -> str:
        if text not in self._tags:
            self._tags[text] = value_tag(self._values[text], self._run_key)
        return self._tags[text]

    def _is_comparable(self, sent: SentSecret) -> bool:
        return self._key is not None and sent.secret.fingerprint is not None

    def _fits(self, sent: SentSecret, value: SecretValue) -> bool:
        known = sent.secret.fingerprint
        if self._key is None or known is None:
            return False
        return fits(self._key, known, sent.bound_to or sent.address, sent.key, value)


def credentials_sent(
    desired: DesiredState,
    values: Mapping[str, SecretValue],
    own: Mapping[str, SecretRef],
    providers: Mapping[str, SecretProvider],
) -> Iterator[UnplacedFinding]:
    """
    Yield what ICE411 says by value: passwords that are what icesync or its job logs in with.

    *own* are the references of the configuration itself, by their setting; those
    that cannot be had here are not compared.
    """
    if not values:
        return
    held: Mapping[str, SecretValue] = {}
    if isinstance(providers, CredentialHolder):
        held = {f"the variable {n}": v for n, v in providers.job_credentials().items()}
    found = resolve_references(own.values(), providers).values
    held = {**held, **{f"`{n}`": found[r.text] for n, r in own.items() if r.text in found}}
    key = FingerprintKey(os.urandom(KEY_BYTES))
    names = {value_tag(value, key): name for name, value in held.items()}
    contained = ContainedSecrets(held)
    sent = {}
    for text, value in values.items() if held else ():
        if name := names.get(value_tag(value, key)):
            sent[text] = f"has the same value as {name}"
        elif inside := contained.names_in(value):
            sent[text] = f"contains the value of {min(inside)}"
    for server in desired.servers.values() if sent else ():
        for setting, reference in server.secrets.items():
            told = sent.get(reference.text)
            if told is not None:
                message = f"`{setting}` {told}, which must not be sent to a mail server"
                violation = Violation(setting, message, "use a reference to the mail password")
                yield UnplacedFinding(server, "ICE411", violation)


_ALLOW_LISTS: Final = ("secrets.env_allow", "secrets.file_allow", "secrets.providers")


@frozen
class SafetyVerdict:
    """
    What came of comparing the safeguards with those of the last apply.

    *refusals* name what is looser, *notes* what else is worth knowing. *providers*
    open what both lists allow, and *guards* are those of both, as long as nobody
    allowed the looser ones: a probe must not log in where only the old ones hold it.
    """

    providers: Mapping[str, SecretProvider]
    guards: frozenset[Guard] = frozenset()
    refusals: tuple[Refusal, ...] = ()
    notes: tuple[str, ...] = ()


def check_safeguards(
    project: Project,
    snapshot: Snapshot,
    providers: Mapping[str, SecretProvider],
    allowed: Collection[str],
    *,
    every: bool = False,
) -> SafetyVerdict:
    """
    Return how the safeguards of *project* stand to those that *snapshot* records.

    With *every*, those that a first apply would record are listed.
    """
    if project.safety is None:
        return SafetyVerdict(providers, project.guards)
    if snapshot.safety is None:
        first = not snapshot.entries
        notes = _first(project.safety, every=every) if first else ()
        return SafetyVerdict(providers, project.guards, notes=notes)
    stricter = tightened(snapshot.safety, project.safety)
    notes = tuple(f"stricter than at the last apply: {d.sentence}" for d in stricter)
    looser = loosened(snapshot.safety, project.safety)
    if SAFEGUARDS in allowed:
        looser = ()
    guards = project.guards
    if looser:
        guards |= {guard for guard in Guard if guard in snapshot.safety.get("guards", ())}
    refusals = tuple(
        Refusal(
            SAFEGUARDS,
            f"{place.file}:{place.line}: {d.sentence}, looser than at the last apply",
            SAFEGUARDS,
            position=place,
        )
        for d in looser
        for place in [place_of(project, d.path)]
    )
    if {d.path for d in looser} & set(_ALLOW_LISTS) and isinstance(providers, NarrowableProviders):
        lists = [
            tuple(common_globs(value_of(project, name), snapshot.safety.get(name, ())))
            for name in _ALLOW_LISTS
        ]
        narrowed = providers.narrowed(*lists)
        message = (
            "until `--allow safeguards`, secrets are looked up with the lists of the last apply"
        )
        return SafetyVerdict(narrowed, guards, refusals, (*notes, message))
    return SafetyVerdict(providers, guards, refusals, notes)


def _first(profile: SafetyProfile, *, every: bool) -> tuple[str, ...]:
    """Return what is said before there is a state that a change could be compared with."""
    message = (
        "the first apply records the limits, guards, hosts and allow-lists of this "
        "configuration; loosening one later needs `--allow safeguards`"
    )
    if not every:
        return (message,)
    held = list(describe(profile))
    if profile.get("limits.adds") == [str(Project("", "").limits[LimitName.ADDS].count)]:
        held.append(f"up to {FIRST_ADDS} adds, because the state is empty")
    return ("\n".join([f"{message}:", *(f"  {one}" for one in held)]),)


def place_of(project: Project, path: str) -> SourcePosition:
    """Return where the configuration sets the option *path*, or the file."""
    return project.positions.get(path, SourcePosition(project.config_file))


def check_secrets(desired: DesiredState, resolution: Resolution) -> Iterator[UnplacedFinding]:
    """Yield what ICE405 and ICE407 say about the secrets that were seen."""
    odd = {
        text: found for text, value in resolution.values.items() if (found := secret_issue(value))
    }
    known: dict[tuple[str, object, str], Preset | None] = {}
    for server in desired.servers.values():
        settings, presets = server.settings, server.presets
        for key, reference in server.secrets.items():
            if reference.text in odd:
                message = f"the secret of `{key}` {odd[reference.text]}"
                hint = "it is sent unchanged; correct it where it is stored"
                yield UnplacedFinding(server, "ICE405", Violation(key, message, hint))
            block = key.partition(".")[0]
            host = settings.get(f"{block}.host")
            asked = block, host, presets.get(block, "")
            if asked not in known:
                known[asked] = preset_of(block, None if host is None else str(host), asked[2])
            preset, value = known[asked], resolution.values.get(reference.text)
            if preset is not None and value is not None:
                yield from _fits_provider(server, key, preset, value)


_TOKEN: Final = regex(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
"""A server's token at Postmark, as a user name; an access key has another form."""


def _fits_provider(
    server: DesiredServer, key: str, preset: Preset, value: SecretValue
) -> Iterator[UnplacedFinding]:
    """Yield where *value* has not the form of the provider's passwords; tells lengths only."""
    form = preset.form
    if form is not None and not fits_form(value, form.pattern):
        sentence = f"{preset.name} needs an app password ({form.words})"
        message = f"`{key}`: {sentence}; this secret has {length(value)} characters"
        yield UnplacedFinding(server, "ICE407", Violation(key, message, f"login: {preset.login}"))
    user = server.settings.get(f"{key.partition('.')[0]}.username")
    if preset.token_twice and _TOKEN.fullmatch(str(user)) and not equals(value, str(user)):
        message = f"`{key}`: {preset.name} needs the server's token as user name and password"
        yield UnplacedFinding(server, "ICE407", Violation(key, message, f"login: {preset.login}"))


def check_shared(
    desired: DesiredState, resolution: Resolution, key: FingerprintKey
) -> Iterator[UnplacedFinding]:
    """Yield what ICE408 says: references that lead to one password, told at their first server."""
    places: dict[str, list[tuple[DesiredServer, str]]] = {}
    for _, server in sorted(desired.servers.items()):
        for name, reference in server.secrets.items():
            places.setdefault(reference.text, []).append((server, name))
    seen = {text: value for text, value in resolution.values.items() if text in places}
    for texts in group_equal(seen, key):
        server, name = places[texts[0]][0]
        others = sum(len(places[text]) for text in texts) - 1
        where = "one other place" if others == 1 else f"{others} other places"
        message = f"`{name}` is the same password as at {where}, with another reference"
        yield UnplacedFinding(
            server, "ICE408", Violation(name, message, "a rotation must change all of them")
        )


def check_changes(
    made: Plan, desired: DesiredState, guards: Collection[Guard]
) -> Iterator[UnplacedFinding]:
    """Yield what ICE207 and ICE209 say about the updates of *made*."""
    for change in made.changes:
        server = desired.servers.get(change.address)
        if server is None or change.action is not Action.UPDATE:
            continue
        if disables(change) and Guard.DISABLED not in guards:
            message = f"mail of skill {change.address.skill} will stop"
            yield UnplacedFinding(server, "ICE207", Violation("status", message))
        incoming = server.settings.get("incoming")
        unused = next((block for block in INCOMING_BLOCKS if block != incoming), "")
        if any(f.key.startswith(f"{unused}.") for f in change.fields):
            message = (
                f"`{unused}` is not in use, but changes too, because a call replaces "
                "the whole record"
            )
            yield UnplacedFinding(server, "ICE209", Violation(unused, message))
