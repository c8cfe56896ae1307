"""
What the page and the saved plan of 10,000 changes cost, and an import of as many rows.

Against a process that merely loads the files of such a fleet by PyYAML's CSafeLoader (about
2.2 s on an idle core). The page is the difference between a first plan with and without
``--report html``; the goal is 0.5 s of an idle core, or 0.25 times the loader. The rows have
26 columns, three of them passwords; the goal is 2 s, or 0.9 times the loader.

    python tests/benchmarks/large.py [SERVERS]     default: 10000
"""

from __future__ import annotations

import csv
import statistics
import sys
import tempfile
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from cold_plan import CHANGES, LOAD
from corpus import CONFIG, SERVERS_A_FILE, environment, write_fleet
from measure import arguments, cpu, icesync, interleave, median, peak, print_table, ratio, run

if TYPE_CHECKING:
    from collections.abc import Callable

    from measure import Sample

LOADING, PLAN, PAGE = "CSafeLoader", "first plan", "first plan, --report html"
SAVED, SHOWN = "first plan, --out", "show of that plan"
ROWS = "import of the rows"
PARTS = ("host", "port", "username", "password", "mailbox", "poll rate")


def write_rows(path: Path, servers: int) -> None:
    """Write a table with a row for each of so many servers."""
    ports = {"smtp": 587, "pop3": 995, "imap": 993}
    with path.open("w", newline="") as file:
        table = csv.writer(file)
        head = "organization", "skill", "name", "status", "active", "incoming", "ssl", "tls"
        table.writerow([*head, *(f"{block} {part}" for block in ports for part in PARTS)])
        for number in range(1, servers + 1):
            org = (number - 1) // SERVERS_A_FILE + 1
            mailbox = f"queue{number}@org{org}.example.net"
            incoming = "imap" if number % 2 else "pop3"
            row = [org, number, f"Queue {number} of {org}", "Enabled", "yes", incoming, "no", "yes"]
            for block, port in ports.items():
                login = f"{block}-{number}", f"pw-{block}-{number}"
                row += [f"{block}.org{org}.example.net", port, *login, mailbox, 10]
            table.writerow(row)


def cases(folder: Path, servers: int) -> dict[str, Callable[[], Sample]]:
    """Return what is to be run for *servers*, written below *folder*."""
    secrets = environment(servers)
    fleet, empty = folder / "fleet", folder / "empty"
    write_fleet(fleet, servers)
    empty.mkdir()
    (empty / "icesync.yaml").write_text(CONFIG.format(base_url="emulator", concurrency=8))
    write_rows(empty / "rows.csv", servers)
    plan = [*icesync(), "-C", str(fleet), "plan", "--detailed-exitcode"]
    saved = str(folder / "saved.json")
    rows = [*icesync(), "-C", str(empty), "import", str(empty / "rows.csv"), "--dry-run"]
    return {
        LOADING: partial(run, [sys.executable, "-c", LOAD, str(fleet / "servers")]),
        PLAN: partial(run, plan, secrets, CHANGES),
        PAGE: partial(run, [*plan, "--report", f"html={folder / 'page.html'}"], secrets, CHANGES),
        SAVED: partial(run, [*plan, "--out", saved], secrets, CHANGES),
        SHOWN: partial(run, [*icesync(), "-C", str(fleet), "show", saved], secrets),
        ROWS: partial(run, [*rows, "--secrets", "env:.icesync/passwords.env"], secrets),
    }


def main() -> None:
    """Measure and print."""
    parser = arguments(__doc__)
    parser.add_argument("servers", type=int, nargs="?", default=10_000, metavar="SERVERS")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        samples = interleave(cases(Path(folder), asked.servers), asked.rounds)
        page_bytes = Path(folder, "page.html").stat().st_size
    rows = [
        [
            name,
            f"{median(samples, name, cpu):.2f}",
            f"{median(samples, name, peak):.0f}",
            f"{ratio(samples, name, LOADING, cpu):.2f}",
        ]
        for name in samples
    ]
    title = f"{asked.servers:,} servers, medians of {asked.rounds} rounds"
    print_table(title, ["", "CPU s", "peak MiB", "CPU x loader"], rows)
    rounds = zip(samples[PAGE], samples[PLAN], samples[LOADING], strict=True)
    costs = [(page.cpu_s - plan.cpu_s) / loading.cpu_s for page, plan, loading in rounds]
    print(f"the page: {statistics.median(costs):.2f} x the loader, {page_bytes / 2**20:.1f} MiB")


if __name__ == "__main__":
    main()
