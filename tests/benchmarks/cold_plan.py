"""
How long ``icesync plan`` takes, start-up and output included.

Cold: nothing is remembered from an earlier run but the snapshot. Against a
process that merely loads the same files by PyYAML's CSafeLoader, the fastest
loader that PyYAML has, and against one that only asks libyaml for its parser events and
drops them. Three fleets: nothing changed (the goal is at most 0.8 times the loader's CPU),
one server in a hundred changed (0.9), and no state at all, so that everything is sent for
the first time (1.3). With several sizes, all in the same rounds, also the exponent of growth
from the smallest to the largest, start-up taken off (1.00 is linear, the goal at most 1.05),
and the memory that one more server takes (the goals are 5 KiB, and 8 in a first plan).

    python tests/benchmarks/cold_plan.py [SERVERS …]     default: 10000
    python tests/benchmarks/cold_plan.py 1000 10000
    python tests/benchmarks/cold_plan.py 10000 50000 --rounds 1     about 3 minutes
    python tests/benchmarks/cold_plan.py 1000 100000 --rounds 1     about 5 minutes
"""

from __future__ import annotations

import math
import shutil
import sys
import tempfile
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from corpus import acknowledge, environment, write_fleet
from measure import (
    arguments,
    cpu,
    icesync,
    interleave,
    median,
    peak,
    print_table,
    ratio,
    run,
    wall,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from measure import Sample, Samples

READ = """
import os, sys, yaml
folder = sys.argv[1]
for name in sorted(os.listdir(folder)):
    with open(os.path.join(folder, name), "rb") as file:
        data = file.read()
"""

LOAD = f"{READ}    yaml.load(data, yaml.CSafeLoader)\n"

EVENTS = f"""{READ}\
    next_event = yaml.CSafeLoader(data).get_event
    while type(next_event()) is not yaml.StreamEndEvent:
        pass
"""

QUIET, FEW, FIRST = "plan, no change", "plan, 1 % changed", "plan, first of all"
LOADING, PARSING = "CSafeLoader", "libyaml events"
NAMES = (QUIET, FEW, FIRST, LOADING, PARSING)
CHANGES = 2
"""The exit code of a plan with changes."""

START_UP = 1
"""The size whose cost counts as start-up."""


def cases(folder: Path, servers: int) -> dict[str, Callable[[], Sample]]:
    """Return what is to be run for a fleet of *servers*, written below *folder*."""
    secrets = environment(servers)
    quiet, few, first = folder / "quiet", folder / "few", folder / "first"
    for target in (quiet, few, first):
        write_fleet(target, servers, change_every=100 if target is few else 0)
    acknowledge(quiet, servers)
    shutil.copy(quiet / "icesync.state.json", few)
    files = str(quiet / "servers")

    def plan(target: Path) -> list[str]:
        return [*icesync(), "-C", str(target), "plan", "--detailed-exitcode"]

    return {
        QUIET: partial(run, plan(quiet), secrets),
        FEW: partial(run, plan(few), secrets, CHANGES),
        FIRST: partial(run, plan(first), secrets, CHANGES),
        LOADING: partial(run, [sys.executable, "-c", LOAD, files]),
        PARSING: partial(run, [sys.executable, "-c", EVENTS, files]),
    }


def show(servers: int, samples: Samples, rounds: int) -> None:
    """Print the table of one size."""
    rows = []
    for name in NAMES:
        case, loading, parsing = (f"{servers} {n}" for n in (name, LOADING, PARSING))
        rows.append(
            [
                name,
                f"{median(samples, case, wall):.2f}",
                f"{median(samples, case, cpu):.2f}",
                f"{median(samples, case, peak):.0f}",
                f"{median(samples, case, cpu) / servers * 1e6:.0f}",
                f"{ratio(samples, case, loading, wall):.2f}",
                f"{ratio(samples, case, loading, cpu):.2f}",
                f"{ratio(samples, case, parsing, cpu):.2f}",
            ]
        )
    head = ["", "wall s", "CPU s", "peak MiB", "CPU us/server"]
    head += ["wall x loader", "CPU x loader", "CPU x events"]
    print_table(f"{servers:,} servers, medians of {rounds} rounds", head, rows)


def show_growth(small: int, large: int, samples: Samples) -> None:
    """Print how the cost grows from *small* to *large*, that of one server taken off."""
    rows = []
    for name in NAMES:
        costs = [median(samples, f"{n} {name}", cpu) for n in (START_UP, small, large)]
        factor = (costs[2] - costs[0]) / (costs[1] - costs[0])
        peaks = [median(samples, f"{n} {name}", peak) for n in (small, large)]
        rows.append(
            [
                name,
                f"{math.log(factor) / math.log(large / small):.2f}",
                f"{(peaks[1] - peaks[0]) * 1024 / (large - small):.2f}",
            ]
        )
    head = ["", "exponent of CPU", "KiB a server"]
    print_table(f"Growth from {small:,} to {large:,} servers", head, rows)


def main() -> None:
    """Measure and print."""
    parser = arguments(__doc__)
    parser.add_argument("servers", type=int, nargs="*", default=[10_000], metavar="SERVERS")
    asked = parser.parse_args()
    several = len(asked.servers) > 1
    with tempfile.TemporaryDirectory() as folder:
        every = {
            f"{servers} {name}": case
            for servers in (*([START_UP] if several else []), *asked.servers)
            for name, case in cases(Path(folder, str(servers)), servers).items()
        }
        samples = interleave(every, asked.rounds)
    for servers in asked.servers:
        show(servers, samples, asked.rounds)
    if several:
        show_growth(min(asked.servers), max(asked.servers), samples)


if __name__ == "__main__":
    main()
