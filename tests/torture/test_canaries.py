"""
Secrets of every awkward shape through every command, each run in a process of its own.

The lines are derived from the program's own table of commands, so that a command
or a flag that is added later is run here without anybody thinking of it.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import click
import pytest
from canary import AWKWARD, Search
from rig import KEY, Echo, FarEnd, Ice, Repository
from torture.arena import start

from icesync.bootstrap import SystemClock
from icesync.cli.main import COMMANDS, load_command
from icesync.emulator.service import Service
from icesync.emulator.storage import Storage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from torture.arena import Result

_LEAST_RUNS: Final = 1000
_STEPS: Final = int(os.environ.get("ICESYNC_TORTURE_CANARY_STEPS", "60"))
_RANDOM: Final = "q7Rk2ZtV9xLw4NbH8sJd6PfY"
_LOUD: Final = ("-vvv", "--debug")
_UNEXPECTED: Final = 1

_CALL_OUT: Final = {
    "emulator": ("--fault nonsense", "--user robot", "--tls-key key", "--bind 192.0.2.1"),
    "probe": (),
    "ci": (),
}
"""Commands that serve for ever or call somebody else than ICE: only what they refuse is run."""

_BEYOND: Final = frozenset(
    {"--probe", "--watch", "--color", "--no-input", "--quiet", "--debug", "--verbose"}
)
"""Flags that call out or go on for ever, or that every command has."""

_MANNERS: Final = ((), _LOUD, ("--quiet",), ("--color", "always", "-v"))
"""What every command can be told."""

_BESIDES: Final = (
    "apply -y --resend all", "apply -y --json --resend all", "plan -o plan.json", "show plan.json",
    "show plan.json --json", "apply plan.json", "apply -y --target 59/2", "plan --target 60/*",
    "state mv 59/1 59/900", "state rm 59/900", "state show 59/1", "nonsense", "plan --nonsense",
    "apply --expect-digest sha256:0",
)  # fmt: skip

_SERVER: Final = """\
  - skill: {skill}
    smtp: {{password: ref+env://ICE_S{skill}}}
    imap: {{password: ref+file://secrets/{skill}}}
"""


def lines_of(name: str) -> list[str]:
    """Return the lines that try *name*: bare, with each flag, and with each choice of an option."""
    if name in _CALL_OUT:
        return [f"{name} --help", *(f"{name} {rest}" for rest in _CALL_OUT[name])]
    command = load_command(name)
    return [line for path, leaf in _leaves(name, command) for line in _lines(path, leaf)]


def _leaves(path: str, command: click.Command) -> Iterator[tuple[str, click.Command]]:
    if isinstance(command, click.Group):
        for name, below in command.commands.items():
            yield from _leaves(f"{path} {name}", below)
    else:
        yield path, command


def _lines(path: str, command: click.Command) -> Iterator[str]:
    needed = [p for p in command.params if isinstance(p, click.Argument) and p.required]
    base = " ".join([path, *(_value(argument, number) for number, argument in enumerate(needed))])
    yield f"{path} --help"
    yield base
    for option in command.params:
        flag = max(option.opts, key=len)
        if not isinstance(option, click.Option) or flag in _BEYOND:
            continue
        if option.is_flag:
            yield f"{base} {flag}"
        elif isinstance(option.type, click.Choice):
            yield from (f"{base} {flag} {choice}" for choice in option.type.choices)


def _value(argument: click.Argument, number: int) -> str:
    """Return something for a required argument: a choice, or an address."""
    choices = argument.type.choices if isinstance(argument.type, click.Choice) else ()
    return str(next(iter(choices), f"59/{(1, 901)[number % 2]}"))


ALL: Final = [*(line for name in COMMANDS for line in lines_of(name)), *_BESIDES]


_LOGIN_SECRET: Final = "login '9318' \\ \"quoted\""


class Stage:
    """A repository with a server for each awkward secret, and processes that run over it."""

    def __init__(self, root: Path) -> None:
        self._repository = Repository(root)
        self.root = root
        self.runs = 0
        secrets = {**AWKWARD, "random": _RANDOM}
        self.search = Search(root, secrets)
        for first in range(len(_RANDOM) - 8 + 1):
            self.search.add(f"piece {first}", _RANDOM[first : first + 8])
        self.search.add("the key", KEY, root / "key")
        lines = ""
        for skill, secret in enumerate(secrets.values(), start=1):
            self._repository.environ[f"ICE_S{skill}"] = secret
            self.search.sources.add(self._repository.write(f"secrets/{skill}", f"{secret}\n"))
            lines += _SERVER.format(skill=skill)
        self._repository.servers([], lines)
        self._repository.replace("servers/59.yaml", "  []\n", "")
        for name in ("home", "scratch"):
            (root / name).mkdir()

    @property
    def variables(self) -> dict[str, str]:
        """The variables of each run: whatever it leaves is left below the root."""
        places = {"HOME": str(self.root / "home"), "TMPDIR": str(self.root / "scratch")}
        return {**self._repository.environ, **places}

    def calls(self, ice: Ice, token: str | None = None) -> Stage:
        """Let the runs call *ice* from now on, by a login or with *token*."""
        self._repository.calls(ice, token=token)
        # No mail password: a server that held it, too, would be refused (ICE411).
        self._repository.environ["ICE_PASSWORD"] = _LOGIN_SECRET
        self.search.add("the login", _LOGIN_SECRET)
        if token:
            self.search.add("the token", token)
        return self

    def forget(self) -> None:
        """Remove what the runs remember, but for what they could have leaked into."""
        for name in ("state.json", "state.json.backup", "state.json.journal"):
            (self.root / name).unlink(missing_ok=True)

    def run(self, line: str, *flags: str, **how: Any) -> Result:
        """Run one line in a process of its own, and search all that came of it."""
        self.runs += 1
        result = start(self.root, self.variables, *line.split(), *flags, **how).wait()
        self.search.look(f"the output of `{line}`", result.text.encode())
        kept = self.root / ".icesync" / "token"
        if kept.exists() and kept not in self.search.sources:
            self.search.add("the token", kept.read_text().strip(), kept)
        self.search.look_at_files(f"after `{line}`")
        return result

    def run_all(self, lines: Iterable[str], *flags: str) -> None:
        """Run *lines*; none may end in an unexpected error."""
        for line in lines:
            result = self.run(line, *flags)
            assert result.code != _UNEXPECTED, (line, result)
            assert "Traceback" not in result.text, (line, result)


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    """A stage below a scratch folder."""
    return Stage(tmp_path / "repository")


@contextmanager
def ice_that(make: Callable[[Storage], Any]) -> Iterator[Ice]:
    """An ICE on loopback that answers as what *make* returns."""
    archive = Storage()
    try:
        with FarEnd(make(archive).answer) as end:
            yield Ice(end.url, archive)
    finally:
        archive.close()


def kind(archive: Storage) -> Service:
    """Return an ICE as it should be."""
    return Service(SystemClock(), archive)


def parrot(status: int) -> Callable[[Storage], Echo]:
    """Return what makes an ICE that repeats what it hears."""
    return lambda archive: Echo(archive, status)


def test_the_lines_know_every_command() -> None:
    """Whatever command there is, there are lines that try it."""
    assert {line.split()[0] for line in ALL} >= COMMANDS.keys()


def test_every_command_keeps_every_secret(stage: Stage) -> None:
    """No line of any command shows one, with everything that can be said switched on."""
    with ice_that(kind) as ice:
        stage.calls(ice).run_all(["apply -y", *ALL], *_LOUD)

    assert stage.runs > 3 * len(COMMANDS)


@pytest.mark.parametrize("defect", ["quoting-crash"])
def test_crash_that_quotes_the_body_keeps_it(stage: Stage, defect: str) -> None:
    """A bug whose error holds the whole body of a call ends in words without it."""
    with ice_that(kind) as ice:
        stage.calls(ice)
        codes = [stage.run("apply -y", *flags, defect=defect).code for flags in ((), _LOUD)]

    assert codes == [_UNEXPECTED, _UNEXPECTED]


@pytest.mark.parametrize("defect", ["blab-plain", "blab-base64", "blab-file"])
def test_build_that_leaks_is_noticed(stage: Stage, defect: str) -> None:
    """A build that says or keeps one secret somewhere does not pass."""
    with ice_that(kind) as ice, pytest.raises(pytest.fail.Exception, match="leaks into"):
        stage.calls(ice).run("apply -y", defect=defect)


@pytest.mark.torture
def test_canaries_in_a_thousand_runs(stage: Stage, tell: Callable[[str], None]) -> None:
    """Every command in all manners where all is well, and at an ICE that repeats what it hears."""
    with ice_that(kind) as ice:
        for token in (None, ice.token()):
            for manners in _MANNERS:
                stage.calls(ice, token).run_all(["apply -y", *ALL], *manners)
    for status in (400, 401, 200, 500):
        # A server that fails is tried again and again: one apply of it is enough.
        lines = [line for line in ALL if status != 500 or not line.startswith("apply")]
        with ice_that(parrot(status)) as ice:
            for manners in _MANNERS[:2]:
                stage.forget()
                stage.calls(ice, ice.token())
                stage.run_all(["apply -y --target 59/1 --fail-fast", *lines], *manners)
    tell(f"{stage.runs} runs of {len(ALL)} lines, no canary seen")

    assert stage.runs >= _LEAST_RUNS


@pytest.mark.torture
def test_canaries_where_a_step_fails(stage: Stage, tell: Callable[[str], None]) -> None:
    """An apply that meets an error, or dies, at any step of what it does to its files."""
    with ice_that(kind) as ice:
        stage.calls(ice)
        for how in ("ENOSPC", "EIO", "MemoryError", "kill-half"):
            for step in range(1, _STEPS + 1):
                stage.forget()
                log = str(stage.root.parent / "steps")
                trip = {"folder": str(stage.root), "when": step, "how": how, "log": log}
                stage.run("apply -y", *_LOUD, trip=trip)
    tell(f"{stage.runs} runs that failed at a step, no canary seen")

    assert stage.runs == 4 * _STEPS


@pytest.mark.torture
def test_canaries_in_new_interpreters(stage: Stage, tell: Callable[[str], None]) -> None:
    """The same for a program that starts from nothing, as users start it."""
    with ice_that(kind) as ice:
        stage.calls(ice)
        for line in ["apply -y", *ALL]:
            result = stage.run(line, *_LOUD, fresh=True)
            assert result.code != _UNEXPECTED, (line, result)
    tell(f"{stage.runs} new interpreters, no canary seen")

    assert stage.runs > len(ALL)
