"""
Change the product in ways that would hurt, one at a time, and demand that a test fails.

``python tests/mutation.py [WORD]`` runs the rows whose file or effect holds WORD, each in a
copy of the tree; it ends with 1 where a mutation survives or its text is not there any more.
Run by hand before a release: some minutes.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[1]


@dataclass(frozen=True)
class Mutation:
    """*old* becomes *new* in *path*; then *effect* would happen, and *tests* should notice."""

    path: str
    old: str
    new: str
    effect: str
    tests: str


MUTATIONS: Final = (
    Mutation(
        "engine/executor.py", "self._failures_in_row + 1 if", "self._failures_in_row + 0 if",
        "a service that is down is called for every server", "tests/unit/engine",
    ),
    Mutation(
        "engine/executor.py", "max(self._pause_until, now + pause_s)", "now",
        "a service that asks to slow down is not heard", "tests/unit/engine",
    ),
    Mutation(
        "engine/executor.py", "self._first = _First.IN_FLIGHT", "self._first = _First.ENDED",
        "a wrong token shows on four servers at once", "tests/unit/engine",
    ),
    Mutation(
        "engine/apply.py", "calls / min(api.rate_per_s, api.concurrency / 0.05)",
        "calls / api.rate_per_s", "a token that ends within a slow run is let through",
        "tests/unit/engine",
    ),
    Mutation(
        "client/session.py", "max(self._left_s() / 2, 0.0)", "max(self._left_s(), 0.0)",
        "a login for each call where tokens live under a minute", "tests/unit/client",
    ),
    Mutation(
        "render/style.py", '{"W", "F"}', '{"W"}', "tables with wide letters are misaligned",
        "tests/unit/render",
    ),
    Mutation(
        "engine/probe.py", ">= PER_HOST", "> PER_HOST",
        "providers that count connections lock the account", "tests/unit/engine",
    ),
    Mutation(
        "cli/interrupt.py", "signal.SIGTERM: 1.5", "signal.SIGTERM: 15.0",
        "a runner kills the job before the state is saved", "tests/unit/cli",
    ),
    Mutation(
        "planner/policy.py", "not in known[s.reference]", "in known[s.reference]",
        "a new server may borrow another's password for a host of its own", "tests/unit/planner",
    ),
    Mutation(
        "wire/reply.py", ".casefold()", "", "a success in other capitals is not recognized",
        "tests/unit/wire",
    ),
    Mutation(
        "stores/journal.py", "flush_data(self._descriptor)", "pass",
        "a power cut loses what ICE confirmed", "tests/unit/stores",
    ),
    Mutation(
        "codec/fingerprint.py", "hmac.compare_digest(", "(lambda *_: True)(",
        "a rotated password is never sent", "tests/unit/codec tests/unit/planner",
    ),
    Mutation(
        "model/glob.py", "return where == len(wanted)", "return True",
        "a pattern chooses what only begins like it", "tests/unit/model tests/unit/planner",
    ),
    Mutation(
        "planner/recovery.py", "raise StateCorrupt", "return ours  # ",
        "two states that do not belong together are merged", "tests/unit/planner",
    ),
    Mutation(
        "forge/client.py", "if status >= 500 or", "if", "a hiccup of GitHub loses the comment",
        "tests/unit/forge",
    ),
    Mutation(
        "secrets/env.py", "if not self._allows(name):", "if not name:",
        "any variable is a mail password", "tests/unit/secrets",
    ),
)  # fmt: skip


def survives(mutation: Mutation) -> str:
    """Return why *mutation* is not caught, empty when it is."""
    with tempfile.TemporaryDirectory() as scratch:
        tree = Path(scratch) / "icesync"
        names = ("icesync", "tests", "schemas", "examples")
        for name in names:
            shutil.copytree(ROOT / name, tree / name, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(ROOT / "pyproject.toml", tree)
        target = tree / "icesync" / mutation.path
        text = target.read_text() if target.exists() else ""
        if mutation.old not in text:
            return "its text is not there any more: update the row"
        target.write_text(text.replace(mutation.old, mutation.new, 1))
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-x", *mutation.tests.split()],
            cwd=tree, capture_output=True, text=True, check=False,
        )  # fmt: skip
        return "survived: no test fails" if done.returncode == 0 else ""


def main(word: str = "") -> int:
    """Run the chosen rows and print a line for each."""
    bad = 0
    for mutation in MUTATIONS:
        if word not in mutation.path + mutation.effect:
            continue
        why = survives(mutation)
        bad += bool(why)
        sys.stdout.write(f"{mutation.path}: {mutation.effect}: {why or 'caught'}\n")
        sys.stdout.flush()
    return 1 if bad else 0


if __name__ == "__main__":
    raise SystemExit(main(*sys.argv[1:2]))
