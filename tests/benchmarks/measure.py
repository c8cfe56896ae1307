"""
How the benchmarks measure: whole processes, interleaved rounds, ratios.

A machine is fast in one hour and slow in the next, so a time alone says little.
Every round runs all cases, each round in another order, and a ratio is taken
within its round; the tables hold medians over the rounds.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

ROUNDS = 7


@dataclass(frozen=True, slots=True)
class Sample:
    """One run of a process; *inner_s* is what the process itself measured, where it does."""

    wall_s: float
    cpu_s: float
    peak_mib: float
    inner_s: float = 0.0


Samples = dict[str, list[Sample]]


def wall(sample: Sample) -> float:
    """Return seconds from start to end."""
    return sample.wall_s


def cpu(sample: Sample) -> float:
    """Return seconds of user and system time."""
    return sample.cpu_s


def peak(sample: Sample) -> float:
    """Return the largest resident memory in MiB."""
    return sample.peak_mib


def inner(sample: Sample) -> float:
    """Return the seconds that the process measured itself."""
    return sample.inner_s


def icesync() -> list[str]:
    """Return the command line of the installed program, as a person starts it."""
    script = Path(sys.executable).with_name("icesync")
    return [sys.executable, str(script)] if script.exists() else [sys.executable, "-m", "icesync"]


def run(
    command: Sequence[str], environment: Mapping[str, str] | None = None, expect: int = 0
) -> Sample:
    """
    Run *command* to its end, its output thrown away.

    Bytecode is kept whatever the environment says: an installed program has it.
    A last line ``inner SECONDS`` on stderr becomes the sample's *inner_s*.
    """
    variables = {**(os.environ if environment is None else environment)}
    variables.pop("PYTHONDONTWRITEBYTECODE", None)
    with tempfile.TemporaryFile() as talk:
        began = time.perf_counter()
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=talk, env=variables)
        _, status, usage = os.wait4(process.pid, 0)
        wall_s = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        talk.seek(0)
        told = talk.read().decode(errors="replace")
    if process.returncode != expect:
        sys.exit(f"{command}: exit {process.returncode}\n{told}")
    words = told.split()
    inner_s = float(words[-1]) if words[-2:-1] == ["inner"] else 0.0
    return Sample(wall_s, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, inner_s)


def interleave(cases: Mapping[str, Callable[[], Sample]], rounds: int) -> Samples:
    """
    Run every case in *rounds* rounds, each in another order.

    A round before the first warms up, but not if only one is asked for.
    """
    names = list(cases)
    for name in names if rounds > 1 else ():
        cases[name]()
    samples: Samples = {name: [] for name in names}
    for number in range(rounds):
        start = number % len(names)
        for name in names[start:] + names[:start]:
            samples[name].append(cases[name]())
            if sys.stderr.isatty():
                print(f"\rround {number + 1} of {rounds}: {name:<40}", end="", file=sys.stderr)
    if sys.stderr.isatty():
        print("\r" + " " * 60 + "\r", end="", file=sys.stderr)
    return samples


def median(samples: Samples, name: str, pick: Callable[[Sample], float]) -> float:
    """Return the median of what *pick* takes from the samples of *name*."""
    return statistics.median(map(pick, samples[name]))


def ratio(samples: Samples, name: str, yardstick: str, pick: Callable[[Sample], float]) -> float:
    """Return the median of the ratios of *name* to *yardstick*, round by round."""
    pairs = zip(samples[name], samples[yardstick], strict=True)
    return statistics.median(pick(sample) / pick(other) for sample, other in pairs)


def print_table(title: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print *rows* under *head*, the first column to the left, as a Markdown table."""
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    print(f"\n{title}\n")
    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    for row in (head, rule, *rows):
        cells = [row[0].ljust(widths[0])]
        cells += [cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)]
        print(f"| {' | '.join(cells)} |")


def arguments(text: str) -> argparse.ArgumentParser:
    """Return a parser with ``--rounds``; *text* is the benchmark's docstring."""
    parser = argparse.ArgumentParser(
        description=text, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=ROUNDS, metavar="N")
    return parser
