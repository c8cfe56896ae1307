"""
The one place that joins adapters to ports.

Nothing is decided here, and each adapter is imported when it is needed:
a plan never loads what could send.
"""

from __future__ import annotations

import os
import re
import time
from dataclasses import replace
from datetime import UTC, datetime
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from icesync import __version__
from icesync.config.discover import CONFIG_NAMES, find_config
from icesync.config.project import read_project
from icesync.engine.session import Session
from icesync.model.project import ORGANIZATION_MARK, SIDE_BY_SIDE, Backend

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from contextlib import AbstractContextManager

    from icesync.config.yaml_document import SourceFile
    from icesync.model.pipeline import Pipeline
    from icesync.model.project import Login, Project, StateSettings
    from icesync.model.secret import SecretValue
    from icesync.model.snapshot import LockInfo
    from icesync.ports import (
        Clock,
        DomainLookup,
        Gateway,
        IssueThread,
        Prober,
        SecretProvider,
        StateStore,
    )

__all__ = ["SystemClock", "find_config", "open_session"]


class SystemClock:
    """The clock of this machine."""

    def now(self) -> datetime:
        """Return the present moment, UTC and aware."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Return seconds that never run backwards."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait for *seconds*."""
        time.sleep(seconds)


def open_session(folder: Path, config: Path | None = None, trusted: str | None = None) -> Session:
    """
    Return the session of the configuration that governs *folder*, or of the file *config*.

    *trusted* names the configuration that the safeguards are taken from: a git ref, or
    a file outside of the repository.

    Raises:
        ConfigError: there is none, or it is wrong.

    """
    clock = SystemClock()
    found = config if config is not None else find_config(folder)
    named = trusted or os.environ.get("ICESYNC_TRUSTED_CONFIG")
    judge = _trusted(found, named) if named else None
    project = read_project(found, os.environ, judge)
    providers = _open_providers(project)
    return Session(
        project,
        _Stores(project, clock, named),
        providers,
        clock,
        _Ice(project, providers, clock),
        _MailServers(),
        _Caller(project.root, clock),
    )


def _trusted(config: Path, named: str) -> SourceFile:
    """Return the configuration that the job trusts; only who names one loads what it needs."""
    from icesync.bootstrap.git import read_trusted

    return read_trusted(config, named, os.environ)


class _Stores:
    """
    The stores that `state:` in the configuration names.

    Where the job trusts a git ref, a committed state is read from there: what a pull
    request makes of it counts for nothing before it is merged.
    """

    def __init__(self, project: Project, clock: Clock, trusted: str | None = None) -> None:
        self._project = project
        self._clock = clock
        self._trusted = trusted
        self._far_ends: dict[str, Any] = {}

    def single(self) -> StateStore:
        """Return the store of the one state; a refusing one where organizations have theirs."""
        state = self._project.state
        if state.per is not None:
            from icesync.stores.per_organization import UnscopedStore

            return UnscopedStore(state.template)
        return self._open(state)

    def of(self, organization: int) -> StateStore:
        """Return the store of one organization's own state; a first write makes its folder."""
        return self._open(self._project.state.of(organization), own_folder=True)

    def joined(self, organizations: Iterable[int], among: Iterable[int] = ()) -> StateStore:
        """Return one store over the states of *organizations*, which are *among* all of them."""
        from icesync.engine.secret_resolution import run_parallel
        from icesync.stores.per_organization import Beside, PartitionedStore

        stores = {o: self.of(o) for o in sorted(set(organizations))}
        others = (self.of(o) for o in sorted({*among, *self.kept()} - stores.keys()))
        template, base_url = self._project.state.template, self._project.api.base_url
        beside = Beside(self._open(self._project.state), others)
        return PartitionedStore(
            stores, base_url, template, __version__, self._clock, beside,
            partial(run_parallel, workers=SIDE_BY_SIDE),
        )  # fmt: skip

    def _open(self, state: StateSettings, *, own_folder: bool = False) -> StateStore:
        """
        Return the store that *state* names; only a remote one loads what it needs to call.

        The states of one far end share their connections. With *own_folder* a first
        write makes the folder of a file.
        """
        if state.backend is Backend.HTTP:
            return self._open_http(state)
        if state.backend is Backend.OBJECTSTORE:
            from icesync.stores.objectstore import ObjectStore, open_bucket

            url = state.url or ""
            bucket = "/".join(url.split("/")[:3])
            if bucket not in self._far_ends:
                self._far_ends[bucket] = open_bucket(url, os.environ)
            return ObjectStore(self._far_ends[bucket], url, self._clock)
        from icesync.stores.local import LocalStore

        root = Path(self._project.root)
        # One organization's file is beside those of others, which are no other place.
        searched = None if own_folder else root
        return LocalStore(
            root / state.path, self._clock, own_folder=own_folder, root=searched,
            trusted=self._trusted_state(state),
        )  # fmt: skip

    def _trusted_state(self, state: StateSettings) -> Callable[[], bytes | None] | None:
        """Return what gives the state of the ref that the job trusts, if git keeps it."""
        if self._trusted is None:
            return None
        from icesync.bootstrap.git import Git
        from icesync.config.discover import is_tracked

        commit = self._trusted_commit()
        if commit is None:
            return None
        data = Git(self._project.root, os.environ).read(commit, state.path)
        if data is None and not is_tracked(Path(self._project.root) / state.path):
            return None
        return lambda: data

    def _trusted_commit(self) -> str | None:
        if self._trusted is None:
            return None
        from icesync.bootstrap.git import Git, is_ref

        git = Git(self._project.root, os.environ)
        return git.commit_of(self._trusted) if is_ref(self._trusted) else None

    def aside(self) -> str | None:
        """Return what is to be said about the state that is read, or None."""
        state = self._project.state
        given = self._trusted_state(state) if state.backend is Backend.LOCAL else None
        if given is None or state.per is not None:
            return None
        path = Path(self._project.root) / state.path
        data = path.read_bytes() if path.is_file() else None
        if data == given():
            return None
        return f"{state.path} differs from the one of {self._trusted}, which this plan is made with"

    def _open_http(self, state: StateSettings) -> StateStore:
        from urllib.parse import urlsplit

        from icesync.net import ClientOptions, job_options
        from icesync.stores.gitlab import http_endpoint
        from icesync.stores.httpcalls import StateServer
        from icesync.stores.httpstore import HttpStore

        endpoint = http_endpoint(state, os.environ)
        host = urlsplit(endpoint.address).netloc
        if host not in self._far_ends:
            options = ClientOptions("", 0, f"icesync/{__version__}")
            found = job_options(options, endpoint.address, os.environ)
            self._far_ends[host] = StateServer(found)
        return HttpStore(endpoint, self._far_ends[host], self._clock)

    def kept(self) -> frozenset[int]:
        """
        Return the organizations whose state is on the disk, whether files name them or not.

        A remote store cannot be asked what it holds: nothing is found there.
        """
        state = self._project.state
        if state.per is None or state.backend is not Backend.LOCAL:
            return frozenset()
        import glob

        # The mark may stand several times, and in a folder's name: the same number each time.
        first, *others = (re.escape(piece) for piece in state.path.split(ORGANIZATION_MARK))
        pattern = re.compile(first + "([1-9][0-9]{0,9})" + r"\1".join(others), re.ASCII)
        wild = "*".join(glob.escape(piece) for piece in state.path.split(ORGANIZATION_MARK))
        found = glob.glob(wild, root_dir=self._project.root)  # noqa: PTH207 - with a root
        return frozenset(int(match[1]) for match in map(pattern.fullmatch, found) if match)

    def committed(self, organization: int | None) -> Iterable[bytes]:
        """Return the versions that git has of a file that it tracks; others ask nobody."""
        state = (
            self._project.state if organization is None else self._project.state.of(organization)
        )
        if state.backend is not Backend.LOCAL:
            return ()
        from icesync.config.discover import is_tracked

        root = os.path.realpath(self._project.root)
        # Where a link was put in its place, the name has the history.
        named = os.path.normpath(Path(root) / state.path)
        places = dict.fromkeys((named, os.path.realpath(named)))
        if not any(is_tracked(Path(place)) for place in places):
            return ()
        from itertools import chain

        from icesync.bootstrap.git import Git

        git, commit = Git(root, os.environ), self._trusted_commit() or "HEAD"
        names = (os.path.relpath(place, root) for place in places)
        return chain.from_iterable(git.versions(name, commit) for name in names)

    def shallow(self) -> str | None:
        """Return why earlier states are not known, where git keeps the state, or None."""
        state, root = self._project.state, Path(self._project.root)
        if state.backend is not Backend.LOCAL:
            return None
        from icesync.config.discover import is_tracked

        one = state.of(next(iter(self.kept()), 0)) if state.per is not None else state
        path = root / one.path
        begun = path.exists()
        if not is_tracked(path if begun else root / self._project.config_file):
            return None
        from icesync.bootstrap.git import Git

        if not Git(self._project.root, os.environ).is_shallow():
            return None
        lost = "was put back" if begun else "is gone"
        return (
            f"this clone is shallow, so git does not know whether the state {lost}; "
            "set `fetch-depth: 0` for the checkout, or run `git fetch --unshallow`"
        )

    def others(self) -> Iterable[tuple[str, Iterable[bytes] | None]]:
        """Return the states that this configuration had before, as far as git knows."""
        from icesync.config.discover import is_tracked

        root = Path(self._project.root)
        names = tuple(dict.fromkeys((self._project.config_file, *CONFIG_NAMES)))
        if not any(is_tracked(root / name) for name in names):
            return ()
        from icesync.bootstrap.git import find_other_states

        return find_other_states(self._project, names, os.environ)


class _Ice:
    """The service that `api:` in the configuration names; its client is loaded when it is used."""

    def __init__(
        self, project: Project, providers: Mapping[str, SecretProvider], clock: Clock
    ) -> None:
        self._arguments = project, providers, clock

    def token(self) -> SecretValue:
        """Return the configured token, or that of the configured login."""
        from icesync.bootstrap.ice import obtain_token

        return obtain_token(*self._arguments)

    def log_in(self, login: Login, password: SecretValue) -> SecretValue:
        """Return the token that *login* gives."""
        from icesync.bootstrap.ice import log_in

        project, _, clock = self._arguments
        return log_in(project, clock, login, password)

    def gateways(self, token: SecretValue) -> Callable[[], Gateway]:
        """Return what opens a gateway for each worker."""
        from icesync.bootstrap.ice import gateways

        return gateways(*self._arguments, token)


class _MailServers:
    """The mail servers of the world, and its DNS."""

    def prober(self, ca_file: str | None, timeout_s: float | None = None) -> Prober:
        """Return what logs in."""
        return open_prober(ca_file, timeout_s)

    def domains(self) -> DomainLookup:
        """Return what asks the DNS."""
        return open_domains()


class _Caller:
    """The user, the machine and the pipeline of this process."""

    def __init__(self, root: str, clock: Clock) -> None:
        self._root = root
        self._clock = clock

    @cached_property
    def _pipeline(self) -> Pipeline:

        return read_pipeline(Path(self._root))

    def lock_owner(self, operation: str) -> LockInfo:
        """Return what other runs are told about this one while it holds the lock."""
        import getpass
        import platform
        import uuid

        from icesync.model.snapshot import LockInfo, utc_text

        try:
            user = getpass.getuser()
        except (KeyError, OSError):
            user = "unknown"
        return LockInfo(
            id=str(uuid.uuid4()),
            operation=operation,
            who=f"{user}@{platform.node()}",
            pid=os.getpid(),
            created=utc_text(self._clock.now()),
            info=self._pipeline.run_url,
            version=__version__,
        )

    def commit(self) -> str | None:
        """Return the commit that CI says it runs, or that git says is checked out."""
        from icesync.bootstrap.git import Git

        return self._pipeline.commit or Git(self._root, os.environ).commit_of("HEAD")

    def files_at(self, ref: str, wanted: Callable[[str], bool]) -> dict[str, bytes]:
        """Return the files of the configuration's folder at a git ref whose path is *wanted*."""
        from icesync.bootstrap.git import Git

        return Git(self._root, os.environ).files_at(ref, wanted)

    def is_unreviewed(self) -> bool:
        """Return whether this is the pipeline of a change that may not be approved yet."""
        return self._pipeline.unreviewed

    def is_committed(self, path: str) -> bool:
        """Return whether git would take up a file at *path*; False where there is no git."""
        from icesync.bootstrap.git import Git

        return Git(self._root, os.environ).takes(path)

    def is_tracked(self, path: str) -> bool:
        """Return whether git has the file at *path* already; False where there is no git."""
        from icesync.bootstrap.git import Git

        return Git(self._root, os.environ).tracks(path)


def _open_providers(project: Project) -> Mapping[str, SecretProvider]:
    from icesync.secrets.registry import Providers, SecretSettings

    scope = project.secrets
    settings = SecretSettings(
        root=Path(project.root),
        environ=os.environ,
        agent=f"icesync/{__version__}",
        env_allow=scope.env_allow,
        file_allow=scope.file_allow,
        parse=_parse_secrets,
        third_party=scope.providers,
        own_variables=_own_variables(project),
    )
    return Providers(settings)


def _own_variables(project: Project) -> tuple[str, ...]:
    """Return the variable of the fingerprint key: a name, never a pattern of names."""
    key = project.fingerprint_key
    if key is None or key.scheme != "env" or not re.fullmatch("[A-Za-z0-9_]+", key.path):
        return ()
    return (key.path,)


def _parse_secrets(content: bytes, path: str) -> object:
    """Return the YAML in *content* by the strict reader; ValueError quotes nothing."""
    from icesync.config.yaml_document import SourceFile, parse_document

    document = parse_document(SourceFile(path, content))
    if document.problems:
        problem = document.problems[0]
        raise ValueError(f"line {problem.position.line}: {problem.message}")
    return document.data


def read_pipeline(root: Path, choice: str = "auto", part: Iterable[str] = ()) -> Pipeline:
    """
    Return the pipeline of this run, on GitHub, GitLab or none by *choice*.

    *part* are words that tell it from others about *root*: the configuration's name, of
    which the usual ones say nothing, and what the run is narrowed to.
    """
    from icesync.forge import read_pipeline as read

    words = [word for word in part if word and word not in CONFIG_NAMES]
    return replace(read(os.environ, root, choice), part=" ".join(words))


def find_place(
    pipeline: Pipeline, *, api_url: str | None, project: str | None, number: int | None
) -> Pipeline:
    """
    Return *pipeline* with what is given here, which counts more, as a place to post on.

    Raises:
        UsageError: there is no pipeline, or what is known does not make a place.

    """
    from icesync.forge.connect import with_target

    return with_target(pipeline, api_url=api_url, project=project, number=number)


def open_thread(
    place: Pipeline,
    clock: Clock,
    deadline_s: float,
    *,
    title: str | None = None,
    ca_file: Path | None,
) -> AbstractContextManager[IssueThread]:
    """
    Give the comments of the review at *place*, or with *title* the project's open issues.

    Raises:
        AccessError: there is no token in the environment, or it is none.
        ForgeReadOnly: there is none, in the pipeline of a fork.
        UsageError: *ca_file* is no good.

    """
    from icesync.forge.connect import CallOptions
    from icesync.forge.connect import open_thread as open_it

    options = CallOptions(
        f"icesync/{__version__}", clock, deadline_s, str(ca_file) if ca_file else None
    )
    return open_it(place, os.environ, options, title)


def open_prober(ca_file: str | None = None, timeout_s: float | None = None) -> Prober:
    """
    Return what logs in to mail servers; it trusts *ca_file* besides the public list.

    *timeout_s* bounds the probe of one server.

    Raises:
        UsageError: *ca_file* cannot be used.

    """
    from icesync.errors import UsageError
    from icesync.net import bundle_problem
    from icesync.probe.connection import Timeouts
    from icesync.probe.prober import MailProber

    try:
        return MailProber(ca_file, timeouts=Timeouts(total_s=timeout_s) if timeout_s else None)
    except OSError as error:
        raise UsageError(f"--ca-file cannot be used: {bundle_problem(error)}") from None


def open_domains() -> DomainLookup:
    """
    Return what asks the DNS.

    Raises:
        UsageError: its library is not installed, or this machine has no resolver.

    """
    from icesync.errors import UsageError

    try:
        from icesync.probe.dns import Domains

        return Domains()
    except ImportError:
        message = "--dns needs dnspython, which is not installed"
        raise UsageError(message, "pip install 'icesync[dns]'") from None
    except OSError as error:
        raise UsageError(f"--dns cannot be used: {error}") from None
