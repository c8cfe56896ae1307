"""
Use case: read all files, say what is wrong with them, and choose whom a run is about.

Offline and without secrets.
"""

from __future__ import annotations

import gc
import re
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from icesync.config.discover import list_files, read_file
from icesync.config.resolve import resolve_files
from icesync.config.rules import UnplacedFinding, lint
from icesync.config.severity import RatedFinding, SeverityPolicy, locate
from icesync.config.yaml_document import Document, SourceFile, is_sealed, parse_document
from icesync.diagnostics import Diagnostic, Severity, SourcePosition, sort_diagnostics
from icesync.engine.secret_resolution import (
    BySecret,
    Identities,
    SecretsMode,
    identify,
    run_parallel,
)
from icesync.engine.session import KEY_FILES, SILENT, Session, View
from icesync.errors import (
    ConfigInvalid,
    SecretForbidden,
    SecretIsDocument,
    SecretMissing,
    UsageError,
    listed,
)
from icesync.frozen import NamedTuple, frozen
from icesync.model.desired import ALL, Address, DesiredServer, DesiredState
from icesync.model.plan import Selection
from icesync.model.secret import SecretRef
from icesync.planner import Choice, Shard, only
from icesync.ports import FileOpener, SecretProvider, StateStore
from icesync.regex import regex

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

    from icesync.model.project import Project

NO_SERVER_FILE: Final = "no server file was found"


@dataclass(frozen=True, repr=False, eq=False)
class Validation:
    """
    The desired state and all findings; the state is whole only without errors.

    It lacks the servers of files that are *sealed*, which nobody opened.

    *problems* are placed already: they come from reading. *findings* are those of
    the rules about mail; their places are looked up when they are asked for.
    *severities* knows the suppressions and weighs what a plan finds later.
    """

    desired: DesiredState
    problems: tuple[Diagnostic, ...]
    findings: tuple[RatedFinding, ...]
    files: tuple[str, ...]
    severities: SeverityPolicy
    sealed: tuple[str, ...] = ()

    def members(self) -> dict[str, Any]:
        """Return the members of a command's result that this fills."""
        return {
            "findings": self.diagnostics,
            "files": self.files,
            "servers": len(self.desired.servers),
        }

    @cached_property
    def diagnostics(self) -> tuple[Diagnostic, ...]:
        """All findings with their places, sorted."""
        return sort_diagnostics([*self.problems, *locate(self.findings)])

    @property
    def errors(self) -> tuple[Diagnostic, ...]:
        """The findings that stop every other command."""
        return tuple(d for d in self.diagnostics if d.severity is Severity.ERROR)

    @property
    def sound(self) -> bool:
        """Whether there are no errors; looks no place up."""
        severities = [*(d.severity for d in self.problems), *(f.severity for f in self.findings)]
        return Severity.ERROR not in severities

    def require(self) -> DesiredState:
        """
        Return the desired state.

        Raises:
            ConfigInvalid: there are errors.

        """
        if self.sound:
            return self.desired
        raise ConfigInvalid(_stop_sentence(self.errors), diagnostics=self.diagnostics)

    def about(self, addresses: Collection[Address]) -> tuple[Diagnostic, ...]:
        """Return the findings that concern no server or one of *addresses*, sorted."""
        near = [f for f in self.findings if f.finding.server.address in addresses]
        return sort_diagnostics([*self.problems, *locate(near)])

    def elsewhere(self, addresses: Collection[Address]) -> int:
        """Return how many findings from warnings up are about other servers than *addresses*."""
        return sum(
            finding.server.address not in addresses and severity is not Severity.INFO
            for finding, severity in self.findings
        )

    def narrowed(self, choice: Choice) -> Validation:
        """Return this with what concerns *choice* only."""
        from icesync.model.plan import Selection
        from icesync.planner import narrow, only

        desired = narrow(self.desired, only(Selection(), choice.targets))
        problems = tuple(d for d in self.problems if d.position.file in choice.files)
        findings = tuple(f for f in self.findings if f.finding.server.address in desired.servers)
        files = tuple(file for file in self.files if file in choice.files)
        return replace(self, desired=desired, problems=problems, findings=findings, files=files)

    def extended(self, findings: Iterable[UnplacedFinding]) -> Validation:
        """Return this with *findings* that only a plan could make."""
        return replace(self, findings=(*self.findings, *self.severities.apply(findings)))


def _stop_sentence(errors: Sequence[Diagnostic]) -> str:
    """Return the sentence that stops a run."""
    count = "1 error" if len(errors) == 1 else f"{len(errors)} errors"
    return f"{count} in the configuration"


def validate(
    session: Session,
    words: tuple[str, ...] = (),
    *,
    since: str | None = None,
    strict: bool = False,
    view: View = SILENT,
) -> Validation:
    """
    Return what is wrong with the files, and what they want; offline, without secrets.

    All files are read, since rules cross them; with *words* (addresses, files, folders)
    or the git ref *since* only what concerns those is returned. *strict* makes errors of
    warnings. Nothing is raised for what is wrong with the files.

    Raises:
        UsageError: a word means nothing, or git has no such ref.

    """
    validation = check_files(session.project, session.providers, strict=strict)
    if words or since is not None:
        validation = _chosen(session, validation, words, since, view)
    view.show(validation)
    return validation


def _chosen(
    session: Session,
    validation: Validation,
    words: tuple[str, ...],
    since: str | None,
    view: View,
) -> Validation:
    """Return *validation* with what *words* and *since* choose; a note counts the rest."""
    from icesync.engine.choice import choose_servers
    from icesync.model.report import Note
    from icesync.planner import check_patterns

    choice, note = choose_servers(session, validation, words, since)
    desired = validation.desired
    if validation.sound:
        known = desired.servers.keys() | desired.removals.keys() | desired.moves.keys()
        check_patterns("", choice.patterns, known)
    found = validation.narrowed(choice)
    left = len(validation.problems) + len(validation.findings)
    left -= len(found.problems) + len(found.findings)
    for text in (note, f"findings elsewhere: {left}, not shown" if left else None):
        if text is not None:
            view.notify(Note(text))
    return found


@contextmanager
def without_collector() -> Iterator[None]:
    """
    Keep Python from looking for unreachable cycles meanwhile.

    What is read from files and states has none, and is there until the end: to look through
    it again and again took a tenth of the time.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


@without_collector()
def check_files(
    project: Project,
    providers: Mapping[str, SecretProvider],
    *,
    strict: bool = False,
    secrets: SecretsMode = SecretsMode.SKIP,
    rules: bool = True,
) -> Validation:
    """
    Return what the files of *project* want, and every finding of every file.

    Runs nothing and asks nobody: of *providers* only the names are looked at. But
    where more than passwords is sealed by sops, a file is opened if *secrets* are
    looked up. *strict* makes errors of warnings. Without *rules* the mail settings
    are not judged.
    """

    def place() -> SourcePosition:
        return project.positions.get("files", SourcePosition(project.config_file))

    root = Path(project.root)
    paths, unread = list_files(root, project.files, place)
    reading = _Reading(root, SeverityPolicy(project.rules, strict))
    opened = _Opened([(path, partial(reading.document, path)) for path in paths])
    try:
        desired, found = resolve_files(opened.documents)
    except _EncryptedError:
        # What sops encrypted is opened side by side, so all is read before any is looked at.
        reading = _Reading(root, SeverityPolicy(project.rules, strict))
        opened = _open(list(filter(None, map(reading.source, paths))), providers, secrets)
        desired, found = resolve_files(opened.documents)
    unread += reading.unreadable
    problems = [*unread, *opened.problems, *found]
    if not reading.paths and all(d.severity is not Severity.ERROR for d in unread):
        hint = "correct `files:`, or add a server file"
        problems.append(Diagnostic("ICE001", NO_SERVER_FILE, place(), hint))
    problems.extend(_check_references(project, desired, providers))
    files, policy = tuple(sorted(reading.paths)), reading.policy
    reading.source(project.config_file)  # its findings can be suppressed, too
    placed = policy.apply_placed([*problems, *reading.misread])
    findings = policy.apply(lint(desired, live=project.api.live)) if rules else ()
    if rules and all(d.severity is not Severity.ERROR for d in problems):
        # Where a file cannot be read, what its suppressions are for is not seen either.
        placed += policy.unused()
    sealed = tuple(sorted(opened.unread))
    return Validation(desired, sort_diagnostics(placed), findings, files, policy, sealed)


class _EncryptedError(Exception):
    """A file was encrypted by sops."""


class _Reading:
    """
    Reads files when their turn comes, and the suppressions in them; keeps no text.

    *paths* are those that were read, *unreadable* is why others were not, and *misread*
    what is wrong with suppressions.
    """

    def __init__(self, root: Path, policy: SeverityPolicy) -> None:
        self._root = root
        self.policy = policy
        self.paths: list[str] = []
        self.unreadable: list[Diagnostic] = []
        self.misread: list[Diagnostic] = []

    def source(self, path: str) -> SourceFile | None:
        """Return the file at *path*, or None where it cannot be read."""
        found = read_file(self._root, path)
        if not isinstance(found, SourceFile):
            self.unreadable.append(found)
            return None
        self.paths.append(path)
        self.misread += self.policy.read([found])
        return found

    def document(self, path: str) -> Document | None:
        """
        Return what the file at *path* says, or None where it cannot be read.

        Raises:
            _EncryptedError: it is not plain.

        """
        source = self.source(path)
        if source is not None and is_sealed(source):
            raise _EncryptedError
        return None if source is None else parse_document(source)


class _Opened(NamedTuple):
    """What reads each file, what is said of those that stay sealed, and which are not read."""

    documents: Sequence[tuple[str, Callable[[], Document | None]]]
    problems: tuple[Diagnostic, ...] = ()
    unread: frozenset[str] = frozenset()


def _open(
    files: Sequence[SourceFile], providers: Mapping[str, SecretProvider], secrets: SecretsMode
) -> _Opened:
    """Return what reads each of *files*, and what stays sealed in them."""
    encrypted = [file for file in files if is_sealed(file)]
    from icesync.config.sops_files import open_sealed, read_sealed

    opened = {file.path: read_sealed(file) for file in encrypted}
    closed = [f for f in encrypted if (known := opened[f.path]) is None or known.sealed]
    problems = {file.path: _unread(file.path, opened[file.path]) for file in closed}
    opener: object = providers.get("sops") if closed else None
    if secrets is not SecretsMode.SKIP and isinstance(opener, FileOpener):

        def unseal(file: SourceFile) -> None:
            try:
                opened[file.path] = open_sealed(file, opener.open_file(file.path))
                del problems[file.path]
            except SecretMissing as error:
                required = secrets is SecretsMode.REQUIRE or isinstance(error, SecretForbidden)
                severity = Severity.ERROR if required else Severity.WARNING
                hint = _first(error.hints)
                problems[file.path] = Diagnostic(
                    "ICE412", error.message, SourcePosition(file.path), hint, severity
                )

        run_parallel(unseal, closed)

    def read(file: SourceFile) -> Document:
        return opened.get(file.path) or parse_document(file)

    unread = frozenset(path for path, document in opened.items() if document is None)
    documents = [(file.path, partial(read, file)) for file in files if file.path not in unread]
    return _Opened(documents, tuple(problems.values()), unread)


def _unread(path: str, document: Document | None) -> Diagnostic:
    if document is None:
        message = "the servers of this file are encrypted by sops and were not read"
    else:
        keys = sorted({key for keys in document.sealed.values() for key in keys})
        named = listed([f"`{key}`" for key in keys])
        message = f"encrypted by sops and not read: {named}"
    hint = "encrypt only the passwords: sops --encrypted-regex '^password$'"
    return Diagnostic("ICE412", message, SourcePosition(path), hint, Severity.INFO)


def _check_references(
    project: Project, desired: DesiredState, providers: Mapping[str, SecretProvider]
) -> Iterator[Diagnostic]:
    identities = Identities(providers)
    own = BySecret((identities.of(r.text), n) for n, r in kept_credentials(project).items())
    verdicts: dict[str, tuple[str, str, str | None] | None] = {}
    for server in desired.servers.values():
        for key, reference in server.secrets.items():
            text = reference.text
            if text not in verdicts:
                verdicts[text] = _verdict(reference, providers, own)
            verdict = verdicts[text]
            if verdict is not None:
                yield _finding(server, key, *verdict)


def kept_credentials(project: Project) -> dict[str, SecretRef]:
    """Return those references, and where `keygen` and `login` write what nobody refers to yet."""
    places = {name: SecretRef(f"ref+file://{name}", "file", name) for name in KEY_FILES}
    return {**places, **own_credentials(project)}


def own_credentials(project: Project) -> dict[str, SecretRef]:
    """Return the references of the configuration itself, by their setting."""
    login = project.api.login
    references = {
        "api.token": project.api.token,
        "api.login.password": login.password if login else None,
        "fingerprints.key": project.fingerprint_key,
    }
    return {name: r for name, r in references.items() if r is not None}


def _verdict(
    reference: SecretRef, providers: Mapping[str, SecretProvider], own: BySecret[str]
) -> tuple[str, str, str | None] | None:
    """
    Return rule, the rest of a sentence, and a hint for what is wrong with *reference*, or None.

    Asks nobody: whether there is such a secret is for a plan to find out.
    """
    schemes = providers.keys()
    if reference.scheme not in schemes:
        import difflib

        near = difflib.get_close_matches(reference.scheme, schemes, n=1)
        hint = f"did you mean ref+{near[0]}://?" if near else f"known: {_listed(schemes)}"
        return "ICE409", f" names an unknown secret provider `{reference.scheme}`", hint
    try:
        identity = identify(reference, providers)
    except SecretForbidden as error:
        return "ICE413", f": {error.message}", _first(error.hints)
    except SecretIsDocument as error:
        return "ICE410", f": {error.message}", _first(error.hints)
    except SecretMissing as error:
        return "ICE410", f" cannot be looked up: {error.message}", _first(error.hints)
    for held, verb in ((own.at(identity), "is the same as"), (own.inside(identity), "contains")):
        if held:
            message = f" {verb} `{min(held)}`, a credential of icesync itself"
            return "ICE411", message, "use a reference to the mail password"
    return None


def _first(hints: Sequence[str]) -> str | None:
    return hints[0] if hints else None


def _listed(schemes: Collection[str]) -> str:
    return ", ".join(f"ref+{scheme}://" for scheme in sorted(schemes))


def _finding(
    server: DesiredServer, key: str, rule: str, message: str, hint: str | None
) -> Diagnostic:
    position = server.origin.position(key)
    subject = str(server.address)
    return Diagnostic(rule, f"{subject}: `{key}`{message}", position, hint, subject=subject)


_TARGET: Final = regex(r"([1-9][0-9]{0,9})/.*", re.ASCII)


@frozen
class Scope:
    """
    What a run is narrowed to: patterns of addresses, organizations by name, or a shard.

    Or *words*: addresses, globs, and paths of files or folders, relative to the
    configuration. With *since*, a git ref, only what differs from it.
    """

    selection: Selection = field(default_factory=Selection)
    organizations: tuple[int, ...] = ()
    shard: Shard | None = None
    words: tuple[str, ...] = ()
    since: str | None = None


@frozen
class Fleet:
    """
    The files as they were read, once, and the part of them that a run is about.

    *store* holds the states of that part. *named* are the patterns that the command
    line spells, each with its option: one that means no server is a slip. *note*
    says what a shard or a git ref came to.
    """

    validation: Validation
    store: StateStore
    selection: Selection
    named: tuple[tuple[str, tuple[str, ...]], ...] = ()
    note: str | None = None


def parse_scope(
    selection: Selection,
    organizations: tuple[int, ...] = (),
    shard: str | None = None,
) -> Scope:
    """
    Return the scope that the texts of a command line spell.

    Raises:
        UsageError: *shard* spells none.

    """
    if shard is None:
        return Scope(selection, organizations)
    from icesync.planner import parse_shard

    return Scope(selection, organizations, parse_shard(shard))


def read_fleet(
    session: Session,
    scope: Scope,
    *,
    strict: bool = False,
    secrets: SecretsMode = SecretsMode.SKIP,
) -> Fleet:
    """
    Read and check all files, and narrow them to *scope*.

    Raises:
        ConfigError: the files are wrong.
        UsageError: the parts of *scope* do not go together, or a move has one end outside.

    """
    _check(session, scope)
    validation = check_files(session.project, session.providers, strict=strict, secrets=secrets)
    desired, selection = validation.require(), scope.selection
    named = [("--target", selection.targets), ("--exclude", selection.excludes)]
    note = None
    if scope.words or scope.since is not None:
        from icesync.engine.choice import choose_servers

        choice, note = choose_servers(session, validation, scope.words, scope.since)
        if not choice.targets and scope.since is None:
            named_files = ", ".join(sorted(choice.files))
            raise UsageError(
                f"no server is in {named_files}", "run `icesync validate` to check all files"
            )
        selection = only(selection, choice.targets)
        named[0] = ("", choice.patterns)
    if session.project.state.per is None:
        if scope.organizations:
            targets = tuple(f"{o}/*" for o in sorted(set(scope.organizations)))
            selection = replace(selection, targets=targets)
            named[0] = ("--organization", targets)
        return Fleet(validation, session.stores.single(), selection, tuple(named), note)
    sizes = _sizes(session, desired)
    if scope.shard is None and not scope.organizations:
        store = session.stores.joined(_organizations_of(selection, desired, sizes), sizes)
        return Fleet(validation, store, selection, tuple(named), note)
    chosen, note = _choose(scope, sizes)
    _refuse_half_moves(desired, frozenset(chosen))
    narrowed = only(selection, tuple(f"{o}/*" for o in chosen))
    return Fleet(validation, session.stores.joined(chosen, sizes), narrowed, note=note)


def all_organizations(session: Session) -> StateStore:
    """
    Return the store over the states of all organizations.

    Raises:
        ConfigError: the files, which name the organizations, are wrong.

    """
    if session.project.state.per is None:
        return session.stores.single()
    return session.stores.joined(organizations_of(session))


def organizations_of(session: Session) -> tuple[int, ...]:
    """
    Return the organizations that files or states on the disk name, sorted.

    Raises:
        ConfigError: the files are wrong.

    """
    # A state is found by the organizations in the files, those that are sealed, too.
    auto = SecretsMode.AUTO
    desired = check_files(session.project, session.providers, secrets=auto).require()
    return tuple(sorted(_sizes(session, desired)))


def _check(session: Session, scope: Scope) -> None:
    ways = {
        "--shard": scope.shard,
        "--organization": scope.organizations,
        "--target": scope.selection.targets,
        "FILE or ADDR": scope.words,
        "--since": scope.since,
    }
    given = [name for name, value in ways.items() if value]
    if len(given) > 1 and given != ["FILE or ADDR", "--since"]:
        raise UsageError(
            f"{given[0]} and {given[1]} both say which servers", "use only one of them"
        )
    if scope.shard and session.project.state.per is None:
        raise UsageError(
            "--shard needs one state per organization, because each state has one lock",
            "state: {per: organization, path: state/{organization}.json}   in icesync.yaml",
        )


def _sizes(session: Session, desired: DesiredState) -> dict[int, int]:
    """Return how many servers each organization has, also one of which only the state is left."""
    from icesync.planner import organizations

    return {**dict.fromkeys(session.stores.kept(), 0), **organizations(desired)}


def _choose(scope: Scope, sizes: dict[int, int]) -> tuple[tuple[int, ...], str | None]:
    if scope.shard is None:
        unknown = sorted(set(scope.organizations) - sizes.keys())
        if unknown:
            raise UsageError(
                f"--organization {unknown[0]}: not in any file or state",
                "run `icesync validate` to check all files",
            )
        return tuple(sorted(set(scope.organizations))), None
    from icesync.planner import deal

    chosen = deal(sizes, scope.shard)
    count = f"{len(chosen)} of {len(sizes)} organizations"
    note = f"shard {scope.shard}: {count if chosen else 'no organizations, nothing to do'}"
    return chosen, note


def _refuse_half_moves(desired: DesiredState, chosen: frozenset[int]) -> None:
    from icesync.planner import half_moves

    half = half_moves(desired, chosen)
    if half:
        move = half[0]
        raise UsageError(
            f"{move.source} moves to {move.address} ({move.position}), so both "
            "organizations must be in the same run",
            "run once without --shard and --organization, then remove the entry under `moved:`",
        )


def _organizations_of(
    selection: Selection, desired: DesiredState, known: Collection[int]
) -> frozenset[int]:
    """Return the organizations that *selection* can mean, and those from which it moves."""
    if ALL in selection.excludes:
        return frozenset()
    matches = [_TARGET.fullmatch(target) for target in selection.targets]
    if not matches or not all(matches):
        return frozenset(known)
    named = {int(match[1]) for match in matches if match}
    named |= {m.source.organization for m in desired.moves.values() if m.address[0] in named}
    return frozenset(named & set(known))
