"""
How long ``icesync validate`` takes with all rules, start-up and output included.

Against a process that merely loads the same files by PyYAML's CSafeLoader; the
goal is at most 1.5. Three fleets: a good one, one in which every server breaks a
rule at its own line (the goal is 1.6 times the good one), and one in which a single
suppression has to be looked up. One file of 200,000 unknown keys, which must be refused
within a second. And ``icesync fmt --check`` of the good one, which reads each file with the
place of every value.

    python tests/benchmarks/validate.py [SERVERS …]     default: 10000
    python tests/benchmarks/validate.py 1000 10000 100000 --rounds 1
"""

from __future__ import annotations

import itertools
import math
import string
import sys
import tempfile
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from cold_plan import LOAD
from corpus import write_fleet
from measure import arguments, cpu, icesync, interleave, median, print_table, ratio, run, wall

if TYPE_CHECKING:
    from collections.abc import Callable

    from measure import Sample, Samples

GOOD, BAD, WAIVED = "validate", "a finding a server", "one suppression"
UNKNOWN, FORMAT, LOADING = "200,000 unknown keys", "fmt --check", "CSafeLoader"
NAMES = (GOOD, BAD, WAIVED, UNKNOWN, FORMAT, LOADING)
UNKNOWN_KEYS = 200_000
REFUSED = 3
"""The exit code of a configuration that is wrong."""


def cases(folder: Path, servers: int) -> dict[str, Callable[[], Sample]]:
    """Return what is to be run for a fleet of *servers*, written below *folder*."""
    for name in (GOOD, BAD, WAIVED):
        write_fleet(folder / name, servers)
    for path in (folder / BAD / "servers").iterdir():
        path.write_text(path.read_text().replace("port: 995", "port: 994"))
    first = folder / WAIVED / "servers" / "org-00001.yaml"
    first.write_text(f"# icesync: allow ICE309 as an example\n{first.read_text()}")

    write_fleet(folder / UNKNOWN, 1)
    letters = itertools.islice(itertools.product(string.ascii_lowercase, repeat=4), UNKNOWN_KEYS)
    keys = "".join(f"{''.join(key)}: 1\n" for key in letters)
    (folder / UNKNOWN / "servers" / "unknown.yaml").write_text(keys)

    def check(name: str) -> Callable[[], Sample]:
        expect = REFUSED if name is UNKNOWN else 0
        return partial(run, [*icesync(), "-C", str(folder / name), "validate"], None, expect)

    files = str(folder / GOOD / "servers")
    load = partial(run, [sys.executable, "-c", LOAD, files])
    form = partial(run, [*icesync(), "-C", str(folder / GOOD), "fmt", "--check"])
    checks = {name: check(name) for name in (GOOD, BAD, WAIVED, UNKNOWN)}
    return {**checks, FORMAT: form, LOADING: load}


def show(servers: int, samples: Samples, rounds: int) -> None:
    """Print the table of one size."""
    rows = []
    for name in NAMES:
        case, loading = f"{servers} {name}", f"{servers} {LOADING}"
        rows.append(
            [
                name,
                f"{median(samples, case, wall):.2f}",
                f"{median(samples, case, cpu):.2f}",
                f"{ratio(samples, case, loading, cpu):.2f}",
            ]
        )
    title = f"{servers:,} servers, medians of {rounds} rounds"
    print_table(title, ["", "wall s", "CPU s", "CPU x loader"], rows)


def main() -> None:
    """Measure and print."""
    parser = arguments(__doc__)
    parser.add_argument("servers", type=int, nargs="*", default=[10_000], metavar="SERVERS")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        every = {
            f"{servers} {name}": case
            for servers in asked.servers
            for name, case in cases(Path(folder, str(servers)), servers).items()
        }
        samples = interleave(every, asked.rounds)
    for servers in asked.servers:
        show(servers, samples, asked.rounds)
    small, large = min(asked.servers), max(asked.servers)
    if small < large:
        costs = [median(samples, f"{n} {GOOD}", cpu) for n in (small, large)]
        exponent = math.log(costs[1] / costs[0]) / math.log(large / small)
        print(f"exponent of {GOOD} from {small:,} to {large:,}: {exponent:.2f}")


if __name__ == "__main__":
    main()
