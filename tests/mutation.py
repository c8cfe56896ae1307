"""
Change the product in ways that would hurt, one at a time, and demand that a test fails.

``python tests/mutation.py [WORD]`` runs the rows whose file or effect holds WORD in a copy of
the tree, and says how many were caught. It ends with 1 where one survives, or where the same
tests fail without any. Run by hand before a release: some minutes. That the rows fit the tree
is a test of ``architecture/``.
"""

from __future__ import annotations

import os
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
        "planner/policy.py", "after.get(host_key(s.key)) not in hosts", "False",
        "a new server may borrow another's password for a host of its own", "tests/unit/planner",
    ),
    Mutation(
        "wire/reply.py", ".strip().casefold().rstrip", ".strip().rstrip",
        "a success in other capitals is not recognized", "tests/unit/wire",
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
        "model/glob.py", "return all(piece == _STAR for piece in pieces[where:])", "return True",
        "a pattern chooses what only begins like it", "tests/unit/model tests/unit/planner",
    ),
    Mutation(
        "config/yaml_tree.py", "2 * self.literal", "20 * self.literal",
        "a small file that unfolds keeps the job busy", "tests/unit/config",
    ),
    Mutation(
        "engine/apply.py", "len(plan.calls) if api.token is not None else 0", "len(plan.calls)",
        "a login with short tokens is refused, though it would renew them",
        "tests/functional/test_bad_access.py tests/functional/test_quickstart.py",
    ),
    Mutation(
        "engine/executor.py", " or self._halt.signal_number is not None", "",
        "calls leave after Ctrl-C", "tests/functional/test_interrupts.py",
    ),
    Mutation(
        "cli/output.py", "or self._session.project.state.per is not None", "or False",
        "a file is written, with a hint that cannot work", "tests/functional/test_shards.py",
    ),
    Mutation(
        "planner/recovery.py", "        if a != b:", "        if False:",
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


def survives(mutation: Mutation, tree: Path) -> str:
    """Return why *mutation* is not caught by the tests in *tree*, empty when it is."""
    target = tree / "icesync" / mutation.path
    text = target.read_text()
    if mutation.old not in text:
        return "its text is not there any more: update the row"
    target.write_text(text.replace(mutation.old, mutation.new, 1))
    try:
        return "" if failures(tree, {mutation.tests}) else "survived: no test fails"
    finally:
        target.write_text(text)


def failures(tree: Path, tests: set[str]) -> str:
    """Return what pytest says of the first of *tests* that fails in *tree*; empty: none does."""
    wanted = sorted({word for words in tests for word in words.split()})
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *wanted]
    # Python would take what it compiled for another text of the same length and second.
    environ = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": str(tree)}
    done = subprocess.run(
        command, cwd=tree, env=environ, capture_output=True, text=True, check=False
    )
    return done.stdout if done.returncode else ""


def main(word: str = "") -> int:
    """Run the chosen rows and print a line for each, and how many were caught."""
    chosen = [row for row in MUTATIONS if word in row.path + row.effect]
    caught = 0
    with tempfile.TemporaryDirectory() as scratch:
        tree = Path(scratch) / "icesync"
        for name in ("icesync", "tests", "schemas", "examples"):
            shutil.copytree(ROOT / name, tree / name, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(ROOT / "pyproject.toml", tree)
        if why := failures(tree, {mutation.tests for mutation in chosen}):
            sys.stdout.write(f"{why}\nthe tests fail without any mutation: nothing can be said\n")
            return 1
        for mutation in chosen:
            why = survives(mutation, tree)
            caught += not why
            sys.stdout.write(f"{mutation.path}: {mutation.effect}: {why or 'caught'}\n")
            sys.stdout.flush()
    sys.stdout.write(f"{caught} of {len(chosen)} caught\n")
    return 0 if caught == len(chosen) else 1


if __name__ == "__main__":
    raise SystemExit(main(*sys.argv[1:2]))
