"""Use case: read all files and say everything that is wrong with them; offline, no secrets."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from icesync.config.discover import find_files
from icesync.config.document import Document, parse_document
from icesync.config.resolve import resolve
from icesync.config.sealed import is_sealed, open_sealed
from icesync.diagnostics import Diagnostic, Severity, SourcePosition, sort_diagnostics
from icesync.errors import ConfigInvalid, SecretMissing
from icesync.ports import FileOpener

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from icesync.config.source import SourceFile
    from icesync.model.desired import DesiredServer, DesiredState
    from icesync.model.project import Project
    from icesync.model.secret import SecretRef
    from icesync.ports import SecretProvider

__all__ = ["Validation", "own_credentials", "validate"]


@dataclass(frozen=True, slots=True)
class Validation:
    """The desired state and all findings; the state is whole only without errors."""

    desired: DesiredState
    diagnostics: tuple[Diagnostic, ...]
    files: tuple[str, ...]

    @property
    def errors(self) -> tuple[Diagnostic, ...]:
        """The findings that stop every other command."""
        return tuple(d for d in self.diagnostics if d.severity is Severity.ERROR)

    def require(self) -> DesiredState:
        """
        Return the desired state.

        Raises:
            ConfigInvalid: there are errors.

        """
        errors = self.errors
        if errors:
            count = "1 error" if len(errors) == 1 else f"{len(errors)} errors"
            raise ConfigInvalid(f"{count} in the configuration", diagnostics=self.diagnostics)
        return self.desired


def validate(project: Project, providers: Mapping[str, SecretProvider]) -> Validation:
    """
    Return what the files of *project* want, and every finding of every file.

    Of *providers* only the names are looked at, but where a file is encrypted whole.
    """
    usual = SourcePosition(project.config_file)
    position = project.positions.get("files", usual)
    files, unread = find_files(Path(project.root), project.files, position)
    desired, found = resolve(_read(file, providers) for file in files)
    problems = [*unread, *found]
    if not files and all(d.severity is not Severity.ERROR for d in unread):
        hint = "correct `files:`, or add a server file"
        problems.append(Diagnostic("ICE012", "no server file was found", position, hint))
    problems.extend(_check_references(project, desired, providers.keys()))
    return Validation(desired, sort_diagnostics(problems), tuple(file.path for file in files))


def _read(file: SourceFile, providers: Mapping[str, SecretProvider]) -> Document:
    if not is_sealed(file):
        return parse_document(file)
    opener: object = providers.get("sops")
    assert isinstance(opener, FileOpener)
    try:
        return open_sealed(file, opener.open_file(file.path))
    except SecretMissing as error:
        hint = error.hints[0] if error.hints else None
        problem = Diagnostic("ICE001", error.message, SourcePosition(file.path), hint)
        return Document(file, problems=(problem,))


def _check_references(
    project: Project, desired: DesiredState, schemes: Collection[str]
) -> Iterator[Diagnostic]:
    own = frozenset(reference.text for reference in own_credentials(project).values())
    verdicts: dict[str, tuple[str, str, str | None] | None] = {}
    for server in desired.servers.values():
        for key, reference in server.secrets.items():
            text = reference.text
            if text not in verdicts:
                verdicts[text] = _verdict(reference, schemes, own)
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
    reference: SecretRef, schemes: Collection[str], own: Collection[str]
) -> tuple[str, str, str | None] | None:
    """Return rule, sentence and hint for what is wrong with *reference*, or None."""
    if reference.scheme not in schemes:
        near = difflib.get_close_matches(reference.scheme, schemes, n=1)
        hint = f"did you mean ref+{near[0]}://?" if near else f"known: {_listed(schemes)}"
        return "ICE409", f"names an unknown secret provider `{reference.scheme}`", hint
    if reference.text in own:
        return "ICE411", *_OWN_CREDENTIAL
    return None


_OWN_CREDENTIAL: Final = (
    "refers to a credential of icesync itself, which would be sent to a mail server",
    "refer to the mail password",
)


def _listed(schemes: Collection[str]) -> str:
    return ", ".join(f"ref+{scheme}://" for scheme in sorted(schemes))


def _finding(
    server: DesiredServer, key: str, rule: str, message: str, hint: str | None
) -> Diagnostic:
    position = server.origin.position(key)
    return Diagnostic(rule, f"{server.address}: `{key}` {message}", position, hint)
