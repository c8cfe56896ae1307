"""A machine that lacks something is told as that, never as a bug; what was done is kept."""

from __future__ import annotations

import errno
import os
import resource
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from rig import PROGRAM, TIMEOUT_S

from icesync.cli.error_report import describe

if TYPE_CHECKING:
    from rig import Ice, Repository


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (MemoryError(), "there is not enough memory"),
        (OSError(errno.ENOMEM, "x"), "there is not enough memory"),
        (RuntimeError("can't start new thread"), "no process or thread can be started"),
        (BlockingIOError(errno.EAGAIN, "x"), "no process or thread can be started"),
        (OSError(errno.EMFILE, "x"), "too many files are open"),
        (OSError(errno.ENFILE, "x", "file"), "too many files are open on this machine"),
        (OSError(errno.ENOSPC, "x"), "the disk is full"),
        (OSError(errno.EDQUOT, "x", "file"), "the quota of the disk is used up"),
        (OSError(errno.EFBIG, "x"), "a file is larger than this process may write"),
    ],
)
def test_what_is_scarce_has_a_sentence(error: BaseException, sentence: str) -> None:
    """Each says what to look at."""
    failure = describe(error)

    assert failure is not None
    assert failure.message == sentence
    assert failure.hints


_SCARCE = """
import resource, sys, threading
from icesync.cli.main import run
import icesync.cli.commands.apply, icesync.engine.apply, icesync.stores.local, httpx

pages = int(open("/proc/self/statm").read().split()[0])
more, stack = int(sys.argv[1]) * 2**20, int(sys.argv[2]) * 2**20
threading.stack_size(stack)
resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + more,) * 2)
sys.exit(run(sys.argv[3:]))
"""


def _environment() -> dict[str, str]:
    """Return that of the tests; a measurement of coverage would fail at the end as loudly."""
    return {name: text for name, text in os.environ.items() if not name.startswith("COVERAGE")}


@pytest.mark.parametrize(
    ("more", "stack", "sentences"),
    [
        (0, 0, ("error: there is not enough memory\n",)),
        # Which of the two is short first depends on what is loaded by then.
        (3, 0, ("error: there is not enough memory\n", "error: no process or thread can be")),
        (256, 512, ("error: no process or thread can be started\nhint: run `ulimit -u",)),
    ],
)
def test_apply_without_memory_or_threads(
    repository: Repository, ice: Ice, more: int, stack: int, sentences: tuple[str, ...]
) -> None:
    """A process that gets no more of either says so, ends with 1, and the next one goes on."""
    repository.calls(ice).servers([663, 664])
    done = subprocess.run(
        [sys.executable, "-c", _SCARCE, str(more), str(stack), "apply", "-y"],
        cwd=repository.root,
        env={**_environment(), **repository.environ},
        capture_output=True,
        text=True,
        check=False,
        timeout=TIMEOUT_S,
    )

    assert done.returncode == 1, done
    assert any(sentence in done.stderr for sentence in sentences), done
    assert "Traceback" not in done.stderr
    assert repository.apply().run("plan", "--detailed-exitcode").code == 0


@pytest.mark.parametrize(
    ("limit", "most"), [(resource.RLIMIT_NOFILE, 5), (resource.RLIMIT_FSIZE, 64)]
)
def test_apply_within_tight_limits(repository: Repository, ice: Ice, limit: int, most: int) -> None:
    """Too few descriptors, or no byte of space: a sentence, no secret, and nothing is claimed."""
    repository.calls(ice).servers([663, 664, 665])
    done = subprocess.run(
        [*PROGRAM, "apply", "-y"],
        cwd=repository.root,
        env={**_environment(), **repository.environ},
        capture_output=True,
        text=True,
        check=False,
        timeout=TIMEOUT_S * 2,
        preexec_fn=lambda: resource.setrlimit(limit, (most, most)),
    )

    assert done.returncode not in {0, 2}, done
    assert "error: " in done.stderr
    assert "bug in icesync" not in done.stderr
    assert "Traceback" not in done.stderr
    assert not any(secret in done.stderr for secret in repository.environ.values())
    assert repository.apply().run("plan", "--detailed-exitcode").code == 0
