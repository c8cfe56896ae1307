"""
What both local runners have in common: a repository to clone, a shell, and how a job ended.

They play the files under ``examples/ci`` and ``action.yml`` step by step. Every
``run`` and ``script`` line runs in a real shell, in a real clone of a real
repository; only what installs something is left out, as icesync is there
already. The forges' own runners do more; what is not known here is an error.
"""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import yaml
from starter import program_folder

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["GIT", "INSTALLS", "ROOT", "Job", "Origin", "Step", "files_in", "read_yaml", "run_shell"]

ROOT: Final = Path(__file__).parents[1]
_BIN: Final = Path(sys.executable).parent
INSTALLS: Final = re.compile(r"\bpip install\b")
_TIMEOUT_S: Final = 60

GIT: Final = {
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_TERMINAL_PROMPT": "0",
}


class _Loader(yaml.SafeLoader):
    """Reads YAML 1.2, in which ``on`` is a word."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, r) for tag, r in pairs if tag != "tag:yaml.org,2002:bool"]
    for first, pairs in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile(r"^(?:true|false)$"), list("tf"))


def read_yaml(text: str) -> list[Any]:
    """Return the documents in *text*."""
    return list(yaml.load_all(text, _Loader))


@dataclass
class Origin:
    """The repository on the forge, and a clone of it on somebody's desk, below *root*."""

    root: Path
    author: str = "Chris Clarke"

    def __post_init__(self) -> None:
        self.bare = self.root / "forge" / "acme" / "mail.git"
        self.desk = self.root / "desk"
        home = str(self.bare)
        self.git("init", "--quiet", "--bare", "--initial-branch=main", home, cwd=self.root)
        self.git("config", "receive.advertisePushOptions", "true", cwd=self.bare)
        self.git("clone", "--quiet", home, str(self.desk), cwd=self.root)

    def git(self, *words: str, cwd: Path | None = None) -> str:
        """Run git on the desk and return what it says."""
        who = ("-c", f"user.name={self.author}", "-c", "user.email=chris@example.org")
        done = subprocess.run(
            ["git", *who, *words], cwd=cwd or self.desk, env=_environ(GIT),
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        return done.stdout.strip()

    def commit(self, message: str, branch: str = "main") -> str:
        """Commit all that is on the desk, let *branch* be that, and return the commit."""
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", message)
        force = "" if branch == "main" else "+"
        self.git("push", "--quiet", "origin", f"{force}HEAD:refs/heads/{branch}")
        return self.git("rev-parse", "HEAD")

    def update(self) -> None:
        """Let the desk be as main is."""
        self.git("fetch", "--quiet", "origin")
        self.git("checkout", "--quiet", "-B", "main", "origin/main")

    def edit(self, name: str, old: str, new: str) -> None:
        """Replace *old* by *new* in one file of the desk."""
        path = self.desk / name
        text = path.read_text()
        if old not in text:
            raise AssertionError(f"{name} does not hold {old!r}")
        path.write_text(text.replace(old, new))

    def show(self, what: str) -> str:
        """Return a file of a commit, as ``main:PATH``."""
        return self.git("show", what, cwd=self.bare)

    @property
    def log(self) -> list[str]:
        """Author and subject of the commits of main, newest first."""
        return self.git("log", "--format=%an: %s", "main", cwd=self.bare).splitlines()


@dataclass
class Step:
    """How one step ended; *code* is None for one that was left out."""

    name: str
    code: int | None
    log: str = ""
    outputs: dict[str, str] = field(default_factory=dict)
    forgiven: bool = False

    @property
    def failed(self) -> bool:
        """Whether the job fails by it."""
        return bool(self.code) and not self.forgiven


@dataclass
class Job:
    """How one job ended."""

    steps: list[Step] = field(default_factory=list)
    outputs: dict[str, str] = field(default_factory=dict)
    summary: str = ""
    artifacts: dict[str, str] = field(default_factory=dict)

    @property
    def failed(self) -> bool:
        """Whether a step failed."""
        return any(step.failed for step in self.steps)

    @property
    def log(self) -> str:
        """What all steps said."""
        return "".join(f"== {step.name}: {step.code}\n{step.log}\n" for step in self.steps)

    def step(self, name: str) -> Step:
        """Return the step called *name*."""
        return next(step for step in self.steps if step.name == name)


def _environ(more: Mapping[str, str]) -> dict[str, str]:
    """Return a clean environment with the icesync of this suite in front."""
    path = f"{program_folder()}:{_BIN}:/usr/local/bin:/usr/bin:/bin"
    return {"PATH": path, "LANG": "C.UTF-8", **more}


def run_shell(script: str, cwd: Path, environ: Mapping[str, str]) -> tuple[int, str]:
    """Run *script* as both forges' runners do, and return its exit code and output."""
    done = subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script],
        cwd=cwd, env=_environ(environ), stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL, timeout=_TIMEOUT_S, check=False,
    )  # fmt: skip
    return done.returncode, done.stdout.decode()


def files_in(paths: Iterable[str], folder: Path) -> dict[str, str]:
    """Return the files of *paths* that are there, as artifacts."""
    found = [(path, folder / path) for path in paths]
    return {path: file.read_text() for path, file in found if file.is_file()}
