"""
Run a program that holds secrets, and read what it prints.

Its standard error is not read: what other programs say about their failures
may quote what they were reading. The command that shows it is the hint.
"""

from __future__ import annotations

import shlex
import subprocess
from typing import TYPE_CHECKING, Final

from icesync.errors import SecretMissing

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from icesync.model.secret import SecretRef

PROGRAM_DEADLINE_S: Final = 30.0
"""A program that asks somebody would wait for ever: its stdin is empty and its time is short."""


def run_program(
    reference: SecretRef,
    arguments: Sequence[str],
    folder: Path,
    meanings: Mapping[int, str] | None = None,
    deadline_s: float = PROGRAM_DEADLINE_S,
) -> bytes:
    """
    Return what the program of *arguments* prints, run in *folder*.

    *meanings* says what its exit codes mean.

    Raises:
        SecretMissing: it is not installed, did not end in time, or failed.

    """
    name = arguments[0]
    try:
        done = subprocess.run(  # noqa: S603 - a list of words, no shell
            arguments,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=deadline_s,
            check=False,
        )
    except FileNotFoundError:
        raise SecretMissing(
            f"`{reference}` needs the program `{name}`, which was not found in PATH",
            f"install {name}, then try again",
        ) from None
    except OSError as error:
        raise SecretMissing(f"`{reference}`: `{name}` cannot be run: {error.strerror}") from None
    except subprocess.TimeoutExpired:
        done = None
    if done is None:  # out here: the error that was caught holds what was printed so far
        raise SecretMissing(f"`{reference}`: `{name}` did not end within {deadline_s:g} s")
    if done.returncode:
        meaning = (meanings or {}).get(done.returncode)
        suffix = f" ({meaning})" if meaning else ""
        raise SecretMissing(
            f"`{reference}`: `{name}` ended with exit code {done.returncode}{suffix}",
            f"{shlex.join(arguments)} >/dev/null   shows why",
        )
    return done.stdout
