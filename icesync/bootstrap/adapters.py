"""Adapters that ask somebody else than ICE: mail servers, the DNS, a forge."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from icesync import __version__

if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from pathlib import Path

    from icesync.model.pipeline import Pipeline
    from icesync.ports import Clock, DomainLookup, IssueThread, Prober


def read_pipeline(root: Path, choice: str = "auto") -> Pipeline:
    """Return the pipeline of this run, on GitHub, GitLab or none by *choice*."""
    from icesync.forge.pipeline import read_pipeline as read

    return read(os.environ, root, choice)


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
    from icesync.probe.connection import Timeouts
    from icesync.probe.prober import MailProber

    try:
        return MailProber(ca_file, timeouts=Timeouts(total_s=timeout_s) if timeout_s else None)
    except OSError as error:
        reason = error.strerror or "it contains no certificate"
        raise UsageError(f"--ca-file cannot be used: {reason}") from None


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
        told = "--dns needs dnspython, which is not installed"
        raise UsageError(told, "pip install 'icesync[dns]'") from None
    except OSError as error:
        raise UsageError(f"--dns cannot be used: {error}") from None
