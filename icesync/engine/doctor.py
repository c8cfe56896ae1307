"""Use case: check everything that a run needs, and name the command that fixes it."""

from __future__ import annotations

import os
import re
import shlex
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

from icesync import __version__
from icesync.config.project import KEY_FILE
from icesync.diagnostics import Diagnostic, Severity
from icesync.engine.access import inspect_token, references_of
from icesync.engine.apply import renewal_of
from icesync.engine.init import folders_of_pipeline
from icesync.engine.secret_resolution import SecretsMode, open_key, resolve_references
from icesync.engine.state import (
    Stored,
    describe_dead_run,
    describe_running,
    fold,
    load,
    unsigned_journal,
)
from icesync.engine.validate import Scope, check_files, read_fleet
from icesync.errors import ConfigError, IcesyncError, counted, listed
from icesync.model.project import ORGANIZATION_MARK, Backend
from icesync.model.report import Health, HealthCheck
from icesync.model.snapshot import UNSAVED_STATE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from icesync.engine.session import Session
    from icesync.model.desired import DesiredState
    from icesync.model.secret import SecretRef


class Machine(Protocol):
    """What the doctor is told about where icesync runs; nothing of it calls anybody."""

    def python(self) -> str:
        """Return the Python and the system."""
        ...

    def libraries(self) -> Mapping[str, str | None]:
        """Return the version of each library that is needed; None for one that is missing."""
        ...

    def ignored(self, root: str, names: Sequence[str]) -> frozenset[str] | None:
        """Return which of *names* git ignores in *root*; None where there is no repository."""
        ...

    def tracked(self, root: str, patterns: Sequence[str]) -> tuple[str, ...]:
        """Return which files in *root* and below fit one of git's *patterns* and are tracked."""
        ...


_LOCAL: Final = frozenset({"env", "file"})
"""The references that are looked up: they ask nobody and run no program."""

_NAMED: Final = 3
_SOON: Final = timedelta(hours=24)
_SKEW: Final = timedelta(minutes=5)
_OLDEST_NOW: Final = datetime(2026, 1, 1, tzinfo=UTC)
"""Nobody runs this before it was written."""

_PASSWORD_FILES: Final = (
    *(
        f":(icase,glob)**/{name}"
        for name in (
            "*.csv", "*.tsv", "*.xls", "*.xls?", "*.ods", "*.har", "*.http", "*.env", ".env.*",
            "passwords*", "token", "*.key",
        )
    ),
    ":(glob)**/.icesync/*",
    ":(exclude,icase,glob)**/*.enc.*",
    ":(exclude,icase,glob)**/*.sops.*",
    ":(exclude,icase,glob)**/.env.example",
)  # fmt: skip
"""How sheets, recorded requests, passwords, tokens and keys are named; SOPS encrypts its own."""

_VERSION: Final = re.compile(r"of icesync (\d[\w.]*) writes it")
_WORKFLOWS: Final = (".github/workflows/*.y*ml", ".gitlab-ci.yml", "ci/icesync*.yml")


def diagnose(open_session: Callable[[], Session], machine: Machine) -> Iterator[HealthCheck]:
    """
    Yield what there is to say, from the installation to the clock; nothing is sent or written.

    Secrets are looked up in the environment and in files only. A remote state is read.
    """
    yield _ok("icesync", f"{__version__} on {machine.python()}")
    yield _libraries(machine.libraries())
    try:
        session = open_session()
    except ConfigError as error:
        yield _failed("configuration", error)
        return
    project = session.project
    yield _ok(
        "configuration", f"{Path(project.root) / project.config_file}, for {_target(session)}"
    )
    desired, finding = _files(session)
    yield finding
    stored, finding = _state(session)
    yield finding
    yield _key(session, stored)
    yield _token(session)
    yield _secrets(session, desired)
    yield _git(session, machine)
    yield _workflow(session, desired)
    yield from _left_behind(session, stored)
    yield _clock(session.clock.now(), stored)


def _named(session: Session, file: str) -> str:
    """Return the name of *file*, of the project, from the working directory, for a shell."""
    return shlex.quote(os.path.relpath(Path(session.project.root) / file))


def _ok(name: str, text: str) -> HealthCheck:
    return HealthCheck(name, Health.OK, text)


def _warning(name: str, text: str, *hints: str) -> HealthCheck:
    return HealthCheck(name, Health.WARNING, text, hints)


def _failed(name: str, error: IcesyncError) -> HealthCheck:
    """Return what *error* says; of findings in files, the first."""
    text, hints = str(error), error.hints
    if isinstance(error, ConfigError) and error.diagnostics:
        found = [d for d in error.diagnostics if isinstance(d, Diagnostic)]
        more = f", and {len(found) - 1} more" if len(found) > 1 else ""
        text = f"{found[0].position}: {found[0].rule} {found[0].message}{more}" if found else text
        hints = ("icesync validate",)
    return HealthCheck(name, Health.ERROR, text, tuple(hints))


def _libraries(found: Mapping[str, str | None]) -> HealthCheck:
    missing = [name for name, version in found.items() if version is None]
    shown = ", ".join(f"{name} {version}" for name, version in found.items() if version)
    if missing:
        text = f"missing: {', '.join(missing)}; found: {shown}"
        return HealthCheck("libraries", Health.ERROR, text, ("install icesync again",))
    return _ok("libraries", shown)


def _target(session: Session) -> str:
    api = session.project.api
    return "the built-in emulator" if api.emulated else api.base_url


def _files(session: Session) -> tuple[DesiredState | None, HealthCheck]:
    try:
        checked = check_files(session.project, session.providers, secrets=SecretsMode.SKIP)
        desired = checked.require()
    except ConfigError as error:
        return None, _failed("files", error)
    warnings = sum(d.severity is Severity.WARNING for d in checked.diagnostics)
    text = f"{counted(len(desired.servers), 'server')} in {counted(len(checked.files), 'file')}"
    if warnings:
        message = f"{text}, {counted(warnings, 'warning')}"
        return desired, _warning("files", message, "icesync validate")
    return desired, _ok("files", text)


def _state(session: Session) -> tuple[Stored | None, HealthCheck]:
    project = session.project
    try:
        fleet = read_fleet(session, Scope()) if project.state.per else None
        store = fleet.store if fleet else session.stores.single()
        stored = _fold(session, load(store, project.api.base_url))
    except IcesyncError as error:
        return None, _failed("state", error)
    where, snapshot = store.describe(), stored.snapshot
    if stored.data is None:
        return stored, _ok("state", f"{where}: none yet, nothing was ever sent")
    newest = max((e.applied_at or "" for e in snapshot.entries.values()), default="")
    text = (
        f"{where}: {counted(len(snapshot.entries), 'server')} at {snapshot.base_url}, serial "
        f"{snapshot.serial}, key {snapshot.key_id or 'none'}, last confirmed {newest or 'never'}"
    )
    return stored, _ok("state", text)


def _fold(session: Session, stored: Stored) -> Stored:
    """Return *stored* with its journal, unless a key that can be looked up did not sign it."""
    reference, key = session.project.fingerprint_key, None
    if stored.left is not None and reference is not None and reference.scheme in _LOCAL:
        with suppress(IcesyncError):  # the check of the key says what is wrong
            key = open_key(reference, session.providers, stored.keyed)
    return fold(stored, key)


def _key(session: Session, stored: Stored | None) -> HealthCheck:
    name, reference = "fingerprint key", session.project.fingerprint_key
    wanted = stored.keyed.key_id if stored else None
    if reference is None:
        if wanted is None:
            return _warning(
                name,
                "none, so rotated passwords are not detected",
                f"icesync keygen --out {_named(session, KEY_FILE)}",
            )
        return _warning(
            name,
            f"none here; the state needs {wanted}, and no other key works",
            "set ICESYNC_FINGERPRINT_KEY to the key of whoever ran `icesync init`",
        )
    if reference.scheme not in _LOCAL:
        return _ok(name, f"{reference}, not looked up")
    if stored is None:
        return _warning(
            name, f"{reference}; without the state it is unknown whether it is the right one"
        )
    try:
        key = open_key(reference, session.providers, stored.keyed)
    except IcesyncError as error:
        return _failed(name, error)
    return _ok(name, f"{key.id}, {'that of the state' if wanted else 'which no state uses yet'}")


def _token(session: Session) -> HealthCheck:
    name, api = "token", session.project.api
    if api.emulated:
        return _ok(name, "the emulator needs none")
    if api.token is None and api.login is not None:
        return _ok(name, f"each apply logs in as {api.login.username}")
    if api.token is None:
        text = "neither `api.token` nor `api.login` is set"
        return HealthCheck(
            name, Health.ERROR, text, ("icesync init --go-live --token ref+env://ICE_TOKEN",)
        )
    if api.token.scheme not in _LOCAL:
        return _ok(name, f"{api.token}, not checked; run `icesync token` to check it")
    return _token_here(session, name, api.token)


def _token_here(session: Session, name: str, reference: SecretRef) -> HealthCheck:
    if resolve_references([reference], session.providers).failures:
        return _warning(name, f"no token at {reference}", *renewal_of(session.project.api))
    try:
        info = inspect_token(session)
    except IcesyncError as error:
        return _failed(name, error)
    ends = info.claims.expires_at if info.claims else None
    if ends is None:
        return _ok(name, "there; it has no expiry date")
    text = f"expires at {ends:%Y-%m-%dT%H:%M:%SZ}"
    if ends - info.now < _SOON:
        return _warning(name, text, *renewal_of(session.project.api))
    return _ok(name, text)


def _secrets(session: Session, desired: DesiredState | None) -> HealthCheck:
    name = "secrets"
    if desired is None:
        return _warning(name, "not looked up: the files are wrong", "icesync validate")
    users = references_of(session.project, desired)
    local = [reference for reference in users if reference.scheme in _LOCAL]
    missing = resolve_references(local, session.providers).failures
    elsewhere = len(users) - len(local)
    text = f"{len(local) - len(missing)} of {len(local)} set" + (
        f"; {elsewhere} in other stores, not looked up" if elsewhere else ""
    )
    if not missing:
        return _ok(name, text)
    return _warning(
        name, f"{text}; not set: {listed(sorted(missing), _NAMED)}", "icesync secrets check"
    )


def _git(session: Session, machine: Machine) -> HealthCheck:
    name, project = "git", session.project
    local = project.state.backend is Backend.LOCAL
    path = project.state.path.replace(ORGANIZATION_MARK, "1")
    companions = [f"{path}{end}" for end in (".lock", ".journal", ".backup")] if local else []
    private = [".icesync/fingerprint.key", UNSAVED_STATE, *companions]
    ignored = machine.ignored(project.root, [*private, path])
    if ignored is None:
        return _warning(
            name, "this is not a git repository, so nothing keeps the history", "git init"
        )
    missing = [each for each in private if each not in ignored]
    if missing:
        lines = " ".join(shlex.quote(each) for each in missing)
        return _warning(
            name,
            f"not ignored: {', '.join(missing)}",
            f"printf '%s\\n' {lines} >> {_named(session, '.gitignore')}",
        )
    exposed = machine.tracked(project.root, _PASSWORD_FILES)
    if exposed:
        verb = "is" if len(exposed) == 1 else "are"
        names = " ".join(_named(session, each) for each in exposed)
        return _warning(
            name,
            f"{listed(exposed, _NAMED)} {verb} tracked by git and may hold passwords",
            f"git rm --cached -- {names}",
        )
    if local and not project.api.emulated and path in ignored:
        return _warning(
            name,
            f"{path} is ignored: another clone would send every server again",
            f"run `git check-ignore --verbose {_named(session, path)}` to see by which line",
        )
    return _ok(name, "keys, locks and journals are ignored")


def _workflow(session: Session, desired: DesiredState | None) -> HealthCheck:
    name, root = "workflow", Path(session.project.root)
    places = (root, *root.parents)
    top = next((place for place in places if (place / ".git").exists()), root)
    found: dict[str, str | None] = {}
    users = references_of(session.project, desired) if desired else {}
    lacking: dict[str, None] = {}
    here = "" if root == top else root.relative_to(top).as_posix()
    others: dict[str, None] = {}
    for path in sorted(each for pattern in _WORKFLOWS for each in top.glob(pattern)):
        try:
            text = path.read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue
        owners = folders_of_pipeline(text)
        if (owners and here not in owners) or (others and path.parent.name == "ci"):
            others |= dict.fromkeys(owner or "the top folder" for owner in owners)
            continue
        if re.search(r"\bicesync\b", text):
            match = _VERSION.search(text)
            found[path.relative_to(top).as_posix()] = match[1] if match else None
        if "icesync apply" in text and "secrets." in text:
            variables = (r.path for r in users if r.scheme == "env")
            lacking |= dict.fromkeys(
                v for v in variables if not re.search(rf"\b{re.escape(v)}\b", text)
            )
    if not found and others:
        return _warning(
            name,
            f"the pipeline here is that of {', '.join(others)}; this configuration has none",
            f"icesync init --ci {'gitlab' if (top / '.gitlab-ci.yml').exists() else 'github'}",
        )
    if not found:
        return _ok(name, "none; `icesync init --ci github` writes them, `--ci gitlab` too")
    old = [
        f"{path} of {version}"
        for path, version in found.items()
        if version not in {None, __version__}
    ]
    if old:
        return _warning(
            name,
            f"of another version: {', '.join(old)}",
            "move them away, run `icesync init --ci github`, and compare",
        )
    if lacking:
        return _warning(
            name, f"does not pass on {listed(sorted(lacking), _NAMED)}", "icesync init --ci github"
        )
    versions = sorted({version or "written by hand" for version in found.values()})
    return _ok(name, f"{', '.join(found)}: {', '.join(versions)}")


def _left_behind(session: Session, stored: Stored | None) -> Iterator[HealthCheck]:
    name, project = "left behind", session.project
    nothing = True
    if (Path(project.root) / UNSAVED_STATE).exists():
        nothing = False
        yield HealthCheck(name, Health.ERROR, f"{UNSAVED_STATE}: a state that could not be saved",
                      (f"icesync state push {_named(session, UNSAVED_STATE)}",))  # fmt: skip
    if stored is None:
        return
    if stored.running is not None:
        nothing = False
        yield _warning(name, describe_running(stored.running), "icesync state unlock")
    if stored.left is not None:
        nothing = False
        yield _warning(name, unsigned_journal(project), "icesync plan")
    if stored.recovered is not None:
        nothing = False
        yield _warning(name, describe_dead_run(stored.recovered, saved=False), "icesync plan")
    unknown = [str(a) for a, entry in stored.snapshot.entries.items() if entry.uncertain]
    if unknown and stored.running is None:
        nothing = False
        yield _warning(
            name, f"{counted(len(unknown), 'unknown outcome')}: {listed(sorted(unknown), _NAMED)}",
            "icesync plan",
        )  # fmt: skip
    if nothing:
        yield _ok(name, "no journal, no running apply, no state that was not saved")


def _clock(now: datetime, stored: Stored | None) -> HealthCheck:
    name, text = "clock", f"{now:%Y-%m-%dT%H:%M:%SZ}"
    entries = stored.snapshot.entries.values() if stored else ()
    newest = max((e.applied_at or "" for e in entries), default="")
    late = bool(newest) and datetime.fromisoformat(newest) - now > _SKEW
    if late:
        return _warning(name, f"{text}, before the last answer of ICE at {newest}", "timedatectl")
    if now < _OLDEST_NOW:
        return _warning(name, f"{text} is in the past", "timedatectl")
    return _ok(name, text)
