"""
How long ``icesync validate`` takes with all rules, start-up and output included.

Against a process that merely loads the same files by PyYAML's CSafeLoader; the
goal is at most 1.5. Three fleets: a good one, one in which every server breaks a
rule at its own line (the goal is 1.6 times the good one), and one in which a single
suppression has to be looked up. The good one again without rules: they may take a quarter of
a validate. Unknown keys, which must be refused within a second: 200,000 in one file, 49,000 in
one server, 40,000 in 2,000 servers, and 36,000 in 9,000. And ``icesync fmt --check`` of the
good one, which reads each file with the place of every value.

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
BARE, FORMAT, LOADING = "validate without rules", "fmt --check", "CSafeLoader"
UNKNOWN = {
    "200,000 unknown keys": (0, 200_000),
    "49,000 in one server": (1, 49_000),
    "40,000 in 2,000 servers": (2_000, 20),
    "36,000 in 9,000 servers": (9_000, 4),
}
"""How many servers have unknown keys, and how many each; none: they are the file's."""
NAMES = (GOOD, BARE, BAD, WAIVED, *UNKNOWN, FORMAT, LOADING)
WITHOUT_RULES = """
import icesync.engine.validate as engine
from icesync.__main__ import main
engine.lint = lambda desired, *, live: []
main()
"""
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

    for name, (servers_of_it, keys) in UNKNOWN.items():
        write_fleet(folder / name, 1)
        path = folder / name / "servers" / "unknown.yaml"
        path.write_text(unknown_keys(servers_of_it, keys))

    def check(name: str) -> Callable[[], Sample]:
        expect = REFUSED if name in UNKNOWN else 0
        return partial(run, [*icesync(), "-C", str(folder / name), "validate"], None, expect)

    files = str(folder / GOOD / "servers")
    load = partial(run, [sys.executable, "-c", LOAD, files])
    form = partial(run, [*icesync(), "-C", str(folder / GOOD), "fmt", "--check"])
    alone = [sys.executable, "-c", WITHOUT_RULES, "-C", str(folder / GOOD), "validate"]
    checks = {name: check(name) for name in (GOOD, BAD, WAIVED, *UNKNOWN)}
    return {**checks, BARE: partial(run, alone), FORMAT: form, LOADING: load}


def unknown_keys(servers: int, keys: int) -> str:
    """Return a file of *servers* with *keys* unknown keys each, or with the keys alone."""
    letters = ("".join(c) for c in itertools.product(string.ascii_lowercase, repeat=4))
    names = itertools.cycle(itertools.islice(letters, keys * (servers or 1)))
    if not servers:
        return "".join(f"{next(names)}: 1\n" for _ in range(keys))
    text = "version: 1\norganization: 2\nservers:\n"
    for skill in range(1, servers + 1):
        text += f"  - skill: {skill}\n" + "".join(f"    {next(names)}: 1\n" for _ in range(keys))
    return text


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
    bare = ratio(samples, f"{servers} {BARE}", f"{servers} {GOOD}", cpu)
    bad = ratio(samples, f"{servers} {BAD}", f"{servers} {GOOD}", cpu)
    print(f"rules are {1 - bare:.0%} of a validate; a finding a server costs {bad:.2f} x without")


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
