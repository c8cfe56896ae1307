"""
How long icesync takes to say its version and its help, and to look at a small repository.

Against ``python -c pass``, which nothing can undercut, and against a click
program of twelve lines that prints as many lines of help: what click alone costs.
The goals are 1.3 times the latter for ``--help``, and for a repository of 32 servers
3.5 times for ``plan``, 3 for ``validate`` and 2.5 for ``fmt --check``.

    python tests/benchmarks/startup.py [--rounds 21]
"""

from __future__ import annotations

import sys
import tempfile
from functools import partial
from pathlib import Path

from corpus import acknowledge, environment, write_fleet
from measure import arguments, cpu, icesync, interleave, median, peak, print_table, ratio, run, wall

from icesync.cli.main import COMMANDS

BARE = """\
import click

@click.group()
@click.version_option("0.1.0")
def program():
    "Manage the email servers of the ICE contact-centre service as code."

for name, text in {commands}.items():
    program.command(name, help=text)(lambda: None)

if __name__ == "__main__":
    program()
"""

PASS, BARE_HELP, VERSION, HELP = "python -c pass", "click --help", "--version", "--help"
SERVERS = 32
COMMANDS_OF_A_FLEET = ("plan", "validate", "fmt --check")


def main() -> None:
    """Measure and print."""
    parser = arguments(__doc__)
    parser.set_defaults(rounds=21)
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as folder:
        bare = Path(folder, "bare.py")
        bare.write_text(BARE.format(commands=dict(COMMANDS)))
        cases = {
            PASS: [sys.executable, "-c", "pass"],
            BARE_HELP: [sys.executable, str(bare), "--help"],
            VERSION: [*icesync(), "--version"],
            HELP: [*icesync(), "--help"],
        }
        fleet = Path(folder, "fleet")
        write_fleet(fleet, SERVERS)
        acknowledge(fleet, SERVERS)
        for name in COMMANDS_OF_A_FLEET:
            cases[name] = [*icesync(), "-C", str(fleet), *name.split()]
        secrets = environment(SERVERS)
        runs = {name: partial(run, case, secrets) for name, case in cases.items()}
        samples = interleave(runs, rounds)
    rows = [
        [
            name if name in {PASS, BARE_HELP} else f"icesync {name}",
            f"{median(samples, name, wall) * 1000:.1f}",
            f"{median(samples, name, cpu) * 1000:.1f}",
            *(f"{ratio(samples, name, yardstick, wall):.2f}" for yardstick in (PASS, BARE_HELP)),
            f"{ratio(samples, name, BARE_HELP, cpu):.2f}",
            f"{median(samples, name, peak):.0f}",
        ]
        for name in cases
    ]
    head = ["", "wall ms", "CPU ms", "x python", "x click", "x click, CPU", "peak MiB"]
    print_table(f"Start-up, medians of {rounds} rounds", head, rows)


if __name__ == "__main__":
    main()
