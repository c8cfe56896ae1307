"""
Run a program that holds secrets, and read what it prints.

Its standard error is not read: what other programs say about their failures
may quote what they were reading. The command that shows it is the hint.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
import subprocess
from typing import TYPE_CHECKING, Final

from icesync.errors import SecretMissing, SecretStoreUnreachable
from icesync.model.glob import matches_name

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from icesync.model.secret import SecretRef

PROGRAM_DEADLINE_S: Final = 30.0
"""A program that asks somebody would wait for ever: its stdin is empty and its time is short."""


_COMMON: Final = (
    "PATH", "HOME", "USER", "LOGNAME", "SHELL", "TMPDIR", "LANG", "LC_*", "TZ", "TERM", "XDG_*",
    "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy",
    "SSL_CERT_FILE", "SSL_CERT_DIR", "DBUS_SESSION_BUS_ADDRESS", "GPG_AGENT_INFO", "SSH_AUTH_SOCK",
)  # fmt: skip
"""What any program may need to find its files and the network; no credential is among it."""


def program_environment(environ: Mapping[str, str], more: Sequence[str]) -> dict[str, str]:
    """Return the variables of *environ* that a program gets: the common ones, and globs *more*."""
    globs = (*_COMMON, *more)
    return {
        name: value
        for name, value in environ.items()
        if any(matches_name(glob, name) for glob in globs)
    }


def run_program(
    reference: SecretRef,
    arguments: Sequence[str],
    folder: Path,
    environ: Mapping[str, str],
    meanings: Mapping[int, str] | None = None,
    failure: type[SecretMissing] = SecretMissing,
    deadline_s: float = PROGRAM_DEADLINE_S,
) -> bytes:
    """
    Return what the program of *arguments* prints, run in *folder* with *environ* alone.

    *meanings* says what its exit codes mean, *failure* what one but 0 comes to.

    Raises:
        SecretMissing: it is not installed, or failed.
        SecretStoreUnreachable: it did not end in time.

    """
    name = arguments[0]
    try:
        process = subprocess.Popen(  # noqa: S603 - a list of words, no shell
            arguments,
            cwd=folder,
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    except FileNotFoundError:
        raise SecretMissing(
            f"`{reference}` needs the program `{name}`, which is not in PATH",
            f"install {name}, then try again",
        ) from None
    except (OSError, ValueError) as error:
        problem = getattr(error, "strerror", None) or "it cannot be named"
        raise SecretMissing(f"`{reference}`: `{name}` cannot be run: {problem}") from None
    with process:
        output = _output(process, deadline_s)
    if output is None:
        raise SecretStoreUnreachable(f"`{reference}`: `{name}` did not end within {deadline_s:g} s")
    if process.returncode:
        meaning = (meanings or {}).get(process.returncode)
        suffix = f" ({meaning})" if meaning else ""
        raise failure(
            f"`{reference}`: `{name}` ended with exit code {process.returncode}{suffix}",
            f"to see why: {shlex.join(arguments)} >/dev/null",
        )
    return output


def _output(process: subprocess.Popen[bytes], deadline_s: float) -> bytes | None:
    """Return what *process* prints, or None when its time is over: it ends, with its children."""
    try:
        return process.communicate(timeout=deadline_s)[0]
    except subprocess.TimeoutExpired:
        return None
    finally:
        if process.poll() is None:
            # It is the first of a session of its own, so whatever it started ends as well.
            with contextlib.suppress(OSError):
                os.killpg(process.pid, signal.SIGKILL)
