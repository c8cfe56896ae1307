"""
Use case: make a plan.

Needs no API and no lock, and works without secrets. What it is given cannot
send: a store, secret providers and files.
"""

from __future__ import annotations

from dataclasses import field, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from icesync import __version__
from icesync.codec import plan as codec
from icesync.diagnostics import Diagnostic, Severity, SourcePosition, sort_diagnostics
from icesync.engine.plan_rules import (
    check_changes,
    check_safeguards,
    check_secrets,
    check_shared,
    confirmed_hosts,
    credentials_sent,
)
from icesync.engine.secret_resolution import (
    Identities,
    Resolution,
    SecretsMode,
    absent_key,
    attach_tags,
    compare,
    missing_for_the_removed,
    missing_secrets,
    open_key,
    planned_references,
    resolve_references,
    unfingerprinted,
)
from icesync.engine.session import SILENT
from icesync.engine.state import (
    Stored,
    check_by_file,
    doubt_what_was_put_back,
    fold,
    load,
    look_beyond,
    seal_refusals,
    states_elsewhere,
    with_reasons,
)
from icesync.engine.validate import (
    Fleet,
    Scope,
    kept_credentials,
    read_fleet,
    without_collector,
)
from icesync.errors import (
    ConfigInvalid,
    PlanStale,
    SecretIsDocument,
    SecretMissing,
    UsageError,
    counted,
    listed,
    printable,
)
from icesync.frozen import frozen
from icesync.model.desired import Move
from icesync.model.plan import SAFEGUARDS, STATE_EDITED, Action, Refusal
from icesync.model.report import Acknowledgement, Note
from icesync.model.safety import terms_of
from icesync.model.secret import SecretComparison
from icesync.planner import (
    assumed,
    check_patterns,
    expand_ages,
    from_the_future,
    is_move_selected,
    is_selected,
    matches,
    narrow,
)
from icesync.planner.plan import (
    changed_terms,
    check_clashes,
    make_plan,
    obsolete_entries,
    open_moves,
    with_known_values,
    with_moves_applied,
)
from icesync.planner.policy import Policy, check_allowed, check_policy

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from icesync.codec.fingerprint import FingerprintKey
    from icesync.engine.session import Session, View
    from icesync.engine.validate import Validation
    from icesync.model.desired import Address, DesiredState, Removal
    from icesync.model.plan import Plan, ResourceChange, Selection
    from icesync.model.project import Project
    from icesync.planner.policy import ConfirmedHosts
    from icesync.ports import SecretProvider


@frozen
class MailProbe:
    """A probe of the mail servers that trusts the certificates of *ca_file*, too."""

    ca_file: str | None = None


@frozen
class PlanRequest:
    """
    What a plan is asked for.

    *allowed* are the arguments of ``--allow``. *strict* makes errors of warnings in
    the files; *include_info* asks for the rules that only inform, too. With *probe*
    the mail servers of what changes are asked, and one that rejects is a guard.
    """

    scope: Scope = field(default_factory=Scope)
    secrets: SecretsMode = SecretsMode.AUTO
    allowed: tuple[str, ...] = ()
    strict: bool = False
    include_info: bool = False
    probe: MailProbe | None = None


_EVERYTHING: Final = PlanRequest()


@frozen
class Planning:
    """
    A plan with everything it was made from.

    *warnings* are findings that do not stop, but for those about servers that do
    not change, of which *unshown* is the number; *refusals* what apply would not do.
    *fleet* holds the files and the store, *resolution* the secrets, which no report
    may show.
    """

    plan: Plan
    project: Project
    fleet: Fleet
    desired: DesiredState
    stored: Stored
    resolution: Resolution
    key: FingerprintKey | None
    refusals: tuple[Refusal, ...]
    confirmed: ConfirmedHosts
    warnings: tuple[Diagnostic, ...]
    unshown: int

    def members(self) -> dict[str, Any]:
        """Return the members of a command's result that this fills."""
        return {
            "findings": self.warnings,
            "files": self.files,
            "servers": len(self.desired.servers),
            "plan": self.plan,
            "refusals": self.refusals,
            "assertions": self.assertions,
        }

    @property
    def digest(self) -> str:
        """The digest of the plan, for ``--expect-digest``."""
        return plan_digest(self.plan)

    @property
    def files(self) -> tuple[str, ...]:
        """The files that were read."""
        return self.fleet.validation.files

    @property
    def assertions(self) -> tuple[Acknowledgement, ...]:
        """When ICE confirmed each server of the state, sorted by address."""
        entries = sorted(self.stored.snapshot.entries.items())
        return tuple(Acknowledgement(e.applied_at, a) for a, e in entries if e.applied_at)

    def from_the_future(self, now: datetime) -> tuple[Address, ...]:
        """Return the servers whose answer is dated later than *now*: some clock was wrong."""
        return from_the_future(self.stored.snapshot, now)

    @property
    def obsolete(self) -> tuple[Move | Removal, ...]:
        """The entries of ``moved:`` and ``removed:`` for which nothing is left to do."""
        found = obsolete_entries(self.desired, self.stored.snapshot)
        if self.project.state.per is None:
            return found
        # Of an organization that was not looked at, nothing is known.
        selection = self.plan.selection
        return tuple(
            entry
            for entry in found
            if (
                is_move_selected(entry, selection)
                if isinstance(entry, Move)
                else is_selected(entry.address, selection)
            )
        )

    @property
    def assumed(self) -> tuple[Address, ...]:
        """The servers whose state ICE never confirmed, sorted."""
        return assumed(self.stored.snapshot)

    @property
    def unfingerprinted(self) -> int:
        """How many secrets cannot be compared, since there is no fingerprint of them yet."""
        return unfingerprinted(self.stored.snapshot) if self.key is not None else 0


@without_collector()
def plan(session: Session, request: PlanRequest = _EVERYTHING, view: View = SILENT) -> Planning:
    """
    Return the plan that turns the state into what the files want; nothing is written.

    Raises:
        ConfigError: the files, or with :attr:`SecretsMode.REQUIRE` a secret, are wrong.
        StateError: the state cannot be read.
        UsageError: a target means no server.

    """
    fleet = read_fleet(session, request.scope, strict=request.strict, secrets=request.secrets)
    planning = compare_fleet(session, fleet, request, view)
    view.show(planning)
    if request.probe is not None:
        from icesync.engine.probe_gate import guard_by_probe

        planning = guard_by_probe(
            session, planning, request, view, known_hosts=session.caller.is_unreviewed()
        )
    return planning


@without_collector()
def compare_fleet(
    session: Session,
    fleet: Fleet,
    request: PlanRequest,
    view: View = SILENT,
    *,
    holding: bool = False,
) -> Planning:
    """Return the plan for *fleet*, which was read already; an apply is *holding* the lock."""
    project, providers, now = session.project, session.providers, session.clock.now()
    stores = session.stores
    for note in (fleet.note, None if holding else stores.aside(), stores.shallow()):
        if note is not None:
            view.notify(Note(note))
    validation, desired = fleet.validation, fleet.validation.desired
    stored = load(
        fleet.store,
        project.api.base_url,
        holding=holding,
        wanted=desired.servers,
        by_file=project.fingerprint_key is not None and request.secrets is not SecretsMode.SKIP,
    )
    safety = check_safeguards(
        project, stored.snapshot, providers, request.allowed, every=request.include_info
    )
    project, providers = replace(project, guards=safety.guards), safety.providers
    key, key_error = _open_key(project, providers, stored, request)
    stored = fold(check_by_file(fleet.store, stored, key), key, request.allowed)
    if not holding:  # nothing will be saved
        stored = stored.without_bytes()
    key_problem = (_key_warning(project, key_error),) if key_error is not None else ()
    stored, put_back = doubt_what_was_put_back(session, stored, key)
    if put_back is not None:
        view.notify(Note(str(put_back)))
    selection = _settle_selection(fleet, desired, stored, now)
    _refuse_clashes(desired, stored, selection)
    if fleet.note is None and (selection.targets or selection.excludes):
        view.notify(Note(_partial(selection, desired)))
    moves = open_moves(desired, stored.snapshot).values()
    carried = with_moves_applied(stored.snapshot, moves, desired.removals)
    desired = with_known_values(desired, carried)
    selected = narrow(desired, selection)
    resolution, missing = _resolve(selected, providers, request.secrets)
    findings = compare(selected, carried, resolution, key)
    skipped = request.secrets is SecretsMode.SKIP
    complete = not (_tell_sealed(validation, selected, view) or skipped or missing or key_problem)
    wire = project.api.wire
    made = make_plan(desired, stored.snapshot, findings, selection, complete=complete, wire=wire)
    made = with_reasons(made, put_back)
    made = _without_unnamed(made) if validation.sealed else made
    resolution = _resolve_more(made, resolution, providers, request.secrets)
    ended = _missing_for_the_removed(made, resolution, request.secrets, project)
    failures = [*resolution.failures.values(), *([key_error] if key_error is not None else [])]
    made = replace(
        made,
        complete=complete and not ended,
        terms=terms_of(project),
        unanswered=sum(failure.failed for failure in failures),
    )
    made = attach_tags(made, resolution, key)
    found = [*check_secrets(selected, resolution), *check_changes(made, desired, project.guards)]
    own = kept_credentials(project)
    found += credentials_sent(selected, resolution.values, own, providers)
    if request.include_info and key is not None:
        found += check_shared(selected, resolution, key)
    validation = validation.extended(found)
    validation.require()
    for told in safety.notes:
        view.notify(Note(told))
    changing = {change.address for change in made.effective}
    known = desired.servers.keys() | carried.entries.keys()
    check_allowed(request.allowed, known)
    confirmed, beyond = _hosts_so_far(
        session, request.allowed, made, (stored, desired), (resolution, key, providers)
    )
    return Planning(
        made,
        project,
        replace(fleet, validation=validation),
        desired,
        stored,
        resolution,
        key,
        (
            *safety.refusals,
            *states_elsewhere(session, stored, selected.servers, request.allowed),
            *seal_refusals(project, stored, key, request.allowed),
            *beyond,
            *_refusals(project, request.allowed, made, confirmed, known, stored),
        ),
        confirmed,
        (*validation.about(changing), *key_problem, *missing, *ended),
        validation.elsewhere(changing),
    )


def _hosts_so_far(
    session: Session,
    allowed: tuple[str, ...],
    made: Plan,
    compared: tuple[Stored, DesiredState],
    opened: tuple[Resolution, FingerprintKey | None, Mapping[str, SecretProvider]],
) -> tuple[ConfirmedHosts, tuple[Refusal, ...]]:
    """
    Return which hosts were given each secret that *made* sends, and why that is not believed.

    Where each organization has a state, those of others are read, too, if a secret is new to
    the states of this run, or may be another one than before.
    """
    (stored, desired), (resolution, key, providers) = compared, opened
    identities = Identities(providers)
    find = partial(confirmed_hosts, made, values=resolution.values, key=key, identities=identities)
    found = find(stored.snapshot)
    # Of a server that is new, the reference counts; one that changed may lead elsewhere now.
    same = {
        (change.address, secret.key): change.before is None
        or secret.comparison is not SecretComparison.CHANGED
        for change in made.calls
        for secret in change.secrets
    }
    if session.project.state.per is None or (all(same.values()) and found.keys() >= same.keys()):
        return found, ()
    known = desired.servers.keys() | stored.snapshot.entries.keys()
    here = _organizations(session.project, made, known)
    others = [a for a in known if a.organization not in here]
    held, refusals = look_beyond(session, others, here, key, allowed)
    entries = {**held.entries, **stored.snapshot.entries}
    memory = (*held.memory, *stored.snapshot.memory)
    elsewhere = [desired.servers[a] for a in others if a not in entries]
    return find(replace(held, entries=entries, memory=memory), elsewhere), refusals


def _without_unnamed(made: Plan) -> Plan:
    """Return *made* without them: what no file names that was read may stand in a sealed one."""
    left = tuple(c for c in made.changes if c.action is not Action.NOT_IN_FILES)
    return replace(made, changes=left)


def _tell_sealed(validation: Validation, selected: DesiredState, view: View) -> bool:
    """Say what sops encrypted in the files and nobody opened; return whether there is any."""
    told = []
    servers = [str(a) for a, server in selected.servers.items() if server.sealed]
    if servers:
        told.append(f"encrypted settings of {listed(servers)} are not compared")
    if validation.sealed:
        files = listed(validation.sealed)
        told.append(f"the servers in {files} are encrypted and not in this plan")
    if told:
        view.notify(Note(f"sops: {'; '.join(told)}"))
    return bool(told)


def _refusals(
    project: Project,
    allowed: tuple[str, ...],
    made: Plan,
    confirmed: ConfirmedHosts,
    known: Collection[Address],
    stored: Stored,
) -> tuple[Refusal, ...]:
    """
    Return what apply would not do; the share of a limit is of the *known* servers.

    With a snapshot for each organization only those of the organizations in this
    run count: each of five shards could otherwise change all that it has.
    """
    first = not stored.snapshot.entries
    policy = Policy(project.limits, project.guards, allowed, first=first)
    here = _organizations(project, made, known)
    fleet = sum(address.organization in here for address in known)
    return check_policy(made, policy, fleet, confirmed)


def _organizations(project: Project, made: Plan, known: Collection[Address]) -> frozenset[int]:
    """Return the organizations whose state *made* was made with."""
    wide = replace(made.selection, excludes=())
    return frozenset(
        address.organization
        for address in known
        if project.state.per is None or is_selected(address, wide)
    )


def _refuse_clashes(desired: DesiredState, stored: Stored, selection: Selection) -> None:
    """Demand that no move leads from one confirmed record onto another one."""
    clashes = sort_diagnostics(list(check_clashes(desired, stored.snapshot, selection)))
    if clashes:
        told = "1 move would go" if len(clashes) == 1 else f"{len(clashes)} moves would go"
        raise ConfigInvalid(f"{told} onto another record", diagnostics=clashes)


def _settle_selection(
    fleet: Fleet, desired: DesiredState, stored: Stored, now: datetime
) -> Selection:
    """Return what is selected, ages turned into addresses; each pattern must mean something."""
    selection = fleet.selection
    known: Sequence[Address] = sorted(desired.servers.keys() | stored.snapshot.entries.keys())
    for option, patterns in fleet.named:
        check_patterns(option, patterns, known)
    resend = expand_ages(selection.resend, stored.snapshot, now)
    check_patterns("--resend", resend, known)
    for pattern in set(selection.resend) & set(resend):
        if not any(matches(a, (pattern,)) and is_selected(a, selection) for a in known):
            raise UsageError(
                f"--resend {printable(pattern)} is outside the selected servers",
                "select these servers, too, or none",
            )
    return replace(selection, resend=resend)


def _partial(selection: Selection, desired: DesiredState) -> str:
    looked = sum(is_selected(address, selection) for address in desired.servers)
    return f"partial: {looked:,} of {counted(len(desired.servers), 'server')}"


def _open_key(
    project: Project,
    providers: Mapping[str, SecretProvider],
    stored: Stored,
    request: PlanRequest,
) -> tuple[FingerprintKey | None, SecretMissing | None]:
    reference = project.fingerprint_key
    if request.secrets is SecretsMode.SKIP:
        return None, None
    try:
        if reference is not None:
            return open_key(reference, providers, stored.keyed), None
        missing = absent_key(stored.keyed)
        if missing is None or STATE_EDITED in request.allowed:
            return None, None
        raise missing
    except SecretMissing as error:
        if request.secrets is SecretsMode.REQUIRE:
            raise
        return None, error


def _key_warning(project: Project, error: SecretMissing) -> Diagnostic:
    """Return the finding that secrets are not compared because the key is not there."""
    position = project.positions.get("fingerprints.key", SourcePosition(project.config_file))
    message = f"passwords were not compared: {error.message}"
    hint = error.hints[0] if error.hints else None
    return Diagnostic("ICE412", message, position, hint, Severity.WARNING)


def _resolve(
    desired: DesiredState, providers: Mapping[str, SecretProvider], mode: SecretsMode
) -> tuple[Resolution, tuple[Diagnostic, ...]]:
    if mode is SecretsMode.SKIP:
        return Resolution(), ()
    references = (r for server in desired.servers.values() for r in server.secrets.values())
    resolution = resolve_references(references, providers)
    missing = missing_secrets(desired, resolution)
    documents = {
        text: failure
        for text, failure in resolution.failures.items()
        if isinstance(failure, SecretIsDocument)
    }
    if documents:
        told = "1 secret is" if len(documents) == 1 else f"{len(documents)} secrets are"
        found = missing_secrets(desired, Resolution(failures=documents))
        raise ConfigInvalid(f"{told} a whole document instead of one password", diagnostics=found)
    if missing and mode is SecretsMode.REQUIRE:
        count, kinds = len(resolution.failures), resolution.failures.values()
        told = "1 secret" if count == 1 else f"{count} secrets"
        told = f"{told} could not be resolved"
        if all(error.failed for error in kinds):
            told = "1 secret was" if count == 1 else f"{count} secrets were"
            told = f"{told} asked for, and the secret store failed"
        raise _blame(resolution, ConfigInvalid(told, diagnostics=missing))
    return resolution, tuple(replace(d, severity=Severity.WARNING) for d in missing)


def _blame(resolution: Resolution, failure: ConfigInvalid) -> ConfigInvalid:
    """Return *failure* with the exit code of whoever is to blame: the files, or a store."""
    failure.exit_code = max(error.exit_code for error in resolution.failures.values())
    return failure


def _resolve_more(
    made: Plan,
    resolution: Resolution,
    providers: Mapping[str, SecretProvider],
    mode: SecretsMode,
) -> Resolution:
    """Return *resolution* with the secrets that only a removed server still needs."""
    known = resolution.values.keys() | resolution.failures.keys()
    needed = [r for r in planned_references(made) if r.text not in known]
    if not needed or mode is SecretsMode.SKIP:
        return resolution
    more = resolve_references(needed, providers)
    return Resolution(
        {**resolution.values, **more.values}, {**resolution.failures, **more.failures}
    )


def _missing_for_the_removed(
    made: Plan, resolution: Resolution, mode: SecretsMode, project: Project
) -> tuple[Diagnostic, ...]:
    """Return what servers lack that no file defines, but that a call is for; apply demands it."""
    elsewhere = SourcePosition(project.config_file)
    found = missing_for_the_removed(made, resolution, elsewhere)
    if found and mode is SecretsMode.REQUIRE:
        told = "a server that is in no file cannot be sent without its passwords"
        raise _blame(resolution, ConfigInvalid(told, diagnostics=found))
    return tuple(replace(d, severity=Severity.WARNING) for d in found)


def restrict_to_saved(planning: Planning, saved: Plan, allowed: tuple[str, ...]) -> Planning:
    """
    Return *planning* with the changes of *saved* only: nothing else was reviewed.

    Raises:
        PlanStale: *saved* does not fit the world any more.

    """
    check_saved(saved, planning.plan)
    whole = {SAFEGUARDS, STATE_EDITED}
    kept = tuple(refusal for refusal in planning.refusals if refusal.rule in whole)
    addresses = {change.address for change in saved.effective}
    changes = tuple(
        change
        for change in planning.plan.changes
        if change.address in addresses or (not addresses and change.action is Action.NO_OP)
    )
    made = replace(planning.plan, changes=changes)
    desired, snapshot = planning.desired, planning.stored.snapshot
    known = desired.servers.keys() | snapshot.entries.keys()
    refusals = _refusals(
        planning.project, allowed, made, planning.confirmed, known, planning.stored
    )
    return replace(planning, plan=made, refusals=(*kept, *refusals))


def check_saved(saved: Plan, fresh: Plan) -> None:
    """
    Demand that *saved* still fits the files, the secrets and the snapshot.

    Only its own servers count: an unrelated apply does not make it stale, and
    an applied plan is stale by construction.

    Raises:
        PlanStale: naming each server that moved.

    """
    again = "run `icesync plan -o FILE` to save a new plan"
    if saved.base_url != fresh.base_url:
        raise PlanStale("the saved plan is for another `api.base_url`", again)
    if saved.lineage is not None and saved.lineage != fresh.lineage:
        raise PlanStale("the saved plan is for another state (its lineage differs)", again)
    differing = changed_terms(saved.terms, fresh.terms)
    if differing:
        names = ", ".join(f"`{path}`" for path in differing[:5])
        raise PlanStale(f"the configuration changed since the plan was saved: {names}", again)
    if not saved.complete:
        raise PlanStale("the saved plan is incomplete: it was made without secrets", again)
    now = {change.address: change for change in fresh.changes}
    moved = [
        f"{change.address} ({reason})"
        for change in saved.effective
        if (reason := _moved(change, now.get(change.address)))
    ]
    if moved:
        raise PlanStale(f"the saved plan is out of date: {', '.join(moved)}", again)


def _moved(saved: ResourceChange, fresh: ResourceChange | None) -> str | None:
    """Return what moved since the plan was saved, or None."""
    if fresh is None:
        return "gone"
    if saved.prior != fresh.prior:
        return "the state changed"
    if (saved.after, saved.moved_from, saved.source_stays) != (
        fresh.after,
        fresh.moved_from,
        fresh.source_stays,
    ):
        return "the files changed"
    if [(s.key, s.reference) for s in saved.secrets] != [
        (s.key, s.reference) for s in fresh.secrets
    ]:
        return "a secret reference changed"
    tags = zip(saved.secrets, fresh.secrets, strict=True)
    if any(old.tag != new.tag for old, new in tags):
        return "a secret changed"
    return None if saved.action is fresh.action else "the action changed"


def read_saved(data: bytes) -> Plan:
    """
    Return the saved plan in *data*.

    Raises:
        StaleError: it is none, or was tampered with.

    """
    return codec.decode_plan(data)


def read_saved_lines(lines: Iterable[bytes]) -> Plan | None:
    """Return the saved plan in *lines*, a change at a time; None if :func:`read_saved` must."""
    return codec.decode_lines(lines)


def save_plan(made: Plan) -> bytes:
    """Return *made* as a file, for :func:`read_saved`."""
    return codec.encode_plan(made, __version__)


def stream_plan(made: Plan) -> Iterator[bytes]:
    """Yield the parts of what :func:`save_plan` returns, as they are made."""
    return codec.stream_plan(made, __version__)


def plan_document(made: Plan) -> dict[str, Any]:
    """Return *made* as plain data, as it is saved."""
    document = codec.plan_document(made, __version__)
    return {**document, "resource_changes": list(document["resource_changes"])}


def plan_digest(made: Plan) -> str:
    """Return the digest of *made*: what a review names and ``--expect-digest`` demands."""
    return codec.plan_digest(made)
