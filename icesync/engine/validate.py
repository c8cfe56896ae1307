"""Use case: read all files and say everything that is wrong with them; offline, no secrets."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from icesync.config.discover import find_files, read_file
from icesync.config.resolve import resolve
from icesync.config.rules import lint
from icesync.config.severity import SeverityPolicy, locate
from icesync.config.sops_files import is_sealed, open_sealed, read_sealed
from icesync.config.yaml.document import Document, parse_document
from icesync.config.yaml.syntax import SourceFile
from icesync.diagnostics import Diagnostic, Severity, SourcePosition, sort_diagnostics
from icesync.engine.secret_resolution import Identities, SecretsMode, identify, run_parallel
from icesync.engine.session import SILENT
from icesync.errors import ConfigInvalid, SecretForbidden, SecretMissing
from icesync.ports import FileOpener

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from icesync.config.rules.base import UnplacedFinding
    from icesync.config.severity import WeightedFinding
    from icesync.engine.session import Session, View
    from icesync.model.address import Address
    from icesync.model.desired import DesiredServer, DesiredState
    from icesync.model.project import Project
    from icesync.model.secret import SecretRef
    from icesync.planner.select import Choice
    from icesync.ports import SecretProvider

NO_SERVER_FILE: Final = "no server file was found"


@dataclass(frozen=True)
class Validation:
    """
    The desired state and all findings; the state is whole only without errors.

    It lacks the servers of files that are *sealed*, which nobody opened.

    *problems* are placed already: they come from reading. *findings* are those of
    the rules about mail; their places are looked up when they are asked for.
    *severities* knows the waivers and weighs what a plan finds later.
    """

    desired: DesiredState
    problems: tuple[Diagnostic, ...]
    findings: tuple[WeightedFinding, ...]
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
        weights = [*(d.severity for d in self.problems), *(f.severity for f in self.findings)]
        return Severity.ERROR not in weights

    def require(self) -> DesiredState:
        """
        Return the desired state.

        Raises:
            ConfigInvalid: there are errors.

        """
        if self.sound:
            return self.desired
        raise ConfigInvalid(_told(self.errors), diagnostics=self.diagnostics)

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
        from icesync.planner.select import narrow, only

        desired = narrow(self.desired, only(Selection(), choice.targets))
        problems = tuple(d for d in self.problems if d.position.file in choice.files)
        findings = tuple(f for f in self.findings if f.finding.server.address in desired.servers)
        files = tuple(file for file in self.files if file in choice.files)
        return replace(self, desired=desired, problems=problems, findings=findings, files=files)

    def extended(self, findings: Iterable[UnplacedFinding]) -> Validation:
        """Return this with *findings* that only a plan could make."""
        return replace(self, findings=(*self.findings, *self.severities.apply(findings)))


def _told(errors: Sequence[Diagnostic]) -> str:
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
    from icesync.planner.select import check_patterns

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


def check_files(
    project: Project,
    providers: Mapping[str, SecretProvider],
    *,
    strict: bool = False,
    secrets: SecretsMode = SecretsMode.SKIP,
) -> Validation:
    """
    Return what the files of *project* want, and every finding of every file.

    Runs nothing and asks nobody: of *providers* only the names are looked at. But
    where more than passwords is sealed by sops, a file is opened if *secrets* are
    looked up. *strict* makes errors of warnings.
    """
    usual = SourcePosition(project.config_file)
    position = project.positions.get("files", usual)
    files, unread = find_files(Path(project.root), project.files, position)
    documents, sealed = _read(files, providers, secrets)
    desired, found = resolve(documents)
    problems = [*unread, *sealed.values(), *found]
    if not files and all(d.severity is not Severity.ERROR for d in unread):
        hint = "correct `files:`, or add a server file"
        problems.append(Diagnostic("ICE001", NO_SERVER_FILE, position, hint))
    problems.extend(_check_references(project, desired, providers))
    policy = SeverityPolicy(project.rules, strict)
    misread = policy.read(_with_waivers(project, files))
    placed = policy.apply_placed([*problems, *misread])
    findings = policy.apply(lint(desired, live=project.api.live))
    if all(d.severity is not Severity.ERROR for d in problems):
        # Where a file cannot be read, what its waivers are for is not seen either.
        placed += policy.unused()
    paths = tuple(file.path for file in files)
    return Validation(desired, sort_diagnostics(placed), findings, paths, policy, tuple(sealed))


def _with_waivers(project: Project, files: Sequence[SourceFile]) -> list[SourceFile]:
    """Return *files* and the configuration itself, whose findings can be waived too."""
    own = read_file(Path(project.root), project.config_file)
    return [*files, own] if isinstance(own, SourceFile) else list(files)


def _read(
    files: Sequence[SourceFile], providers: Mapping[str, SecretProvider], secrets: SecretsMode
) -> tuple[list[Document], dict[str, Diagnostic]]:
    """Return *files* as documents, and by its path what is said of one that stays sealed."""
    documents = {f.path: read_sealed(f) if is_sealed(f) else parse_document(f) for f in files}
    closed = [file for file in files if documents[file.path] is None]
    sealed = {file.path: _unread(file.path) for file in closed}
    opener: object = providers.get("sops") if closed else None
    if secrets is not SecretsMode.SKIP and isinstance(opener, FileOpener):

        def unseal(file: SourceFile) -> None:
            try:
                documents[file.path] = open_sealed(file, opener.open_file(file.path))
                del sealed[file.path]
            except SecretMissing as error:
                required = secrets is SecretsMode.REQUIRE or isinstance(error, SecretForbidden)
                severity = Severity.ERROR if required else Severity.WARNING
                hint = _first(error.hints)
                sealed[file.path] = Diagnostic(
                    "ICE412", error.message, SourcePosition(file.path), hint, severity
                )

        run_parallel(unseal, closed)
    return [found for file in files if (found := documents[file.path]) is not None], sealed


def _unread(path: str) -> Diagnostic:
    message = "the servers of this file are sealed by sops and were not read"
    hint = "seal the passwords alone: sops --encrypted-regex '^password$'"
    return Diagnostic("ICE412", message, SourcePosition(path), hint, Severity.INFO)


def _check_references(
    project: Project, desired: DesiredState, providers: Mapping[str, SecretProvider]
) -> Iterator[Diagnostic]:
    identities = Identities(providers)
    own = {identities.of(r.text): name for name, r in own_credentials(project).items()}
    verdicts: dict[str, tuple[str, str, str | None] | None] = {}
    for server in desired.servers.values():
        for key, reference in server.secrets.items():
            text = reference.text
            if text not in verdicts:
                verdicts[text] = _verdict(reference, providers, own)
            verdict = verdicts[text]
            if verdict is not None:
                yield _finding(server, key, *verdict)


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
    reference: SecretRef, providers: Mapping[str, SecretProvider], own: Mapping[str, str]
) -> tuple[str, str, str | None] | None:
    """
    Return rule, sentence and hint for what is wrong with *reference*, or None.

    Asks nobody: whether there is such a secret is for a plan to find out.
    """
    schemes = providers.keys()
    if reference.scheme not in schemes:
        import difflib

        near = difflib.get_close_matches(reference.scheme, schemes, n=1)
        hint = f"did you mean ref+{near[0]}://?" if near else f"known: {_listed(schemes)}"
        return "ICE409", f"names an unknown secret provider `{reference.scheme}`", hint
    try:
        identity = identify(reference, providers)
    except SecretForbidden as error:
        return "ICE413", f"must not be looked up: {error.message}", _first(error.hints)
    except SecretMissing as error:
        return "ICE410", f"cannot be looked up: {error.message}", _first(error.hints)
    if identity in own:
        message = f"leads to `{own[identity]}`, a credential of icesync itself"
        return "ICE411", message, "refer to the mail password"
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
    return Diagnostic(rule, f"{subject}: `{key}` {message}", position, hint, subject=subject)
