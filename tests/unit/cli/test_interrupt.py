from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Final

import pytest

from icesync.cli.error_report import describe
from icesync.cli.interrupt import SIGNALS, ProcessSignals, Signalled

if TYPE_CHECKING:
    from pathlib import Path

KILLED_AFTER_S: Final = {signal.SIGINT: 7.5, signal.SIGTERM: 2.5, signal.SIGHUP: 2.5}
"""GitHub's runner sends SIGTERM that long after SIGINT, and then kills (observed)."""
SAVING_S: Final = 1.0


class Stop:
    """Remembers how long the calls in flight may take."""

    def __init__(self) -> None:
        self.signal_number: int | None = None
        self.grace_s = float("inf")

    def request(self, signal_number: int, grace_s: float) -> None:
        """Take in the request."""
        self.signal_number, self.grace_s = signal_number, grace_s


@pytest.mark.parametrize("number", KILLED_AFTER_S)
def test_the_state_is_saved_before_the_runner_kills(number: signal.Signals) -> None:
    """Calls in flight get a moment, and a second is left to save what they came to."""
    signals, stop = ProcessSignals(), Stop()
    with signals.installed(), signals.stopping(stop):
        signal.raise_signal(number)

    assert stop.signal_number == number
    assert 0.5 <= stop.grace_s <= KILLED_AFTER_S[number] - SAVING_S


@pytest.mark.parametrize("number", KILLED_AFTER_S)
def test_what_must_end_gets_the_same_moment(number: signal.Signals) -> None:
    """A save that hangs is left before the runner kills, too."""
    signals = ProcessSignals()
    with signals.installed(), suppress(Signalled), signals.finishing():
        signal.raise_signal(number)
        left_s, _ = signal.getitimer(signal.ITIMER_REAL)

    assert 0.5 <= left_s <= KILLED_AFTER_S[number] - SAVING_S


class Dying:
    """Is interrupted while it goes, where Python can raise nothing."""

    def __del__(self) -> None:
        signal.raise_signal(signal.SIGTERM)


def test_signal_in_a_callback_is_not_lost() -> None:
    """What cannot be raised at once is raised a moment later, without a traceback."""

    def let_go() -> None:
        dying = Dying()
        del dying
        time.sleep(5)

    signals = ProcessSignals()
    with signals.installed(), pytest.raises(Signalled) as caught:
        let_go()

    assert caught.value.signal_number == signal.SIGTERM


def test_error_that_the_interpreter_makes_of_an_interrupt_is_one() -> None:
    """In the middle of an import it becomes a RuntimeError or an ImportError."""
    with SIGNALS.installed():
        with suppress(Signalled):
            signal.raise_signal(signal.SIGHUP)
        failure = describe(RuntimeError("Error calling __set_name__"))

    assert failure is not None
    assert (failure.message, failure.exit_code) == ("interrupted", 129)


_START = """
import atexit, os, signal, sys
from icesync.__main__ import main

class Interrupts:
    def find_spec(self, name, *_):
        if name == "icesync.cli.main":
            os.kill(os.getpid(), signal.SIGINT)

{0}
sys.argv = ["icesync", "schema"]
main()
"""


@pytest.mark.parametrize(
    ("moment", "code"),
    [
        ("sys.meta_path.insert(0, Interrupts())", -signal.SIGINT),
        ("atexit.register(os.kill, os.getpid(), signal.SIGTERM)", 0),
    ],
    ids=["before anything is loaded", "after the end"],
)
def test_signal_outside_of_the_program_says_nothing(moment: str, code: int) -> None:
    """No traceback of the interpreter, and the exit code of what was done."""
    code_text = _START.format(moment)
    command = [sys.executable, "-c", code_text]
    around = {name: text for name, text in os.environ.items() if not name.startswith("COVERAGE")}
    done = subprocess.run(command, env=around, capture_output=True, text=True, check=False)

    assert (done.returncode, done.stderr) == (code, "")


@pytest.mark.parametrize(("command", "code"), [("schema", 0), ("show nowhere.json", 66)])
def test_who_is_to_be_told_of_the_end_is_told(tmp_path: Path, command: str, code: int) -> None:
    """Functions that Python's own start registered run as well, after those of the program."""
    (tmp_path / "sitecustomize.py").write_text(
        "import atexit, os\natexit.register(os.write, 2, b'told\\n')\n"
    )
    around = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])}
    program = [sys.executable, "-m", "icesync", *command.split()]
    done = subprocess.run(program, env=around, capture_output=True, check=False)

    assert done.returncode == code
    assert done.stderr.endswith(b"told\n")


def test_second_signal_while_the_end_is_told_leaves(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever insists gets the code of the signal, not a traceback."""
    monkeypatch.setattr("icesync.cli.interrupt.os._exit", sys.exit)
    signals = ProcessSignals()
    with signals.installed():
        signals.leave()
        with pytest.raises(SystemExit) as caught:
            signal.raise_signal(signal.SIGTERM)

    assert caught.value.code == 128 + signal.SIGTERM
