"""
``icesync plan`` against octoDNS, which keeps DNS records in YAML as icesync keeps mail servers.

As many records with 25 values each as there are servers (of 27 settings), one in a hundred
changed. octoDNS reads both sides from YAML; a provider that merely reads back stands for the
service, since its own YAML provider as a target looks at nothing. icesync reads its files
and its state, and compares three passwords a server. The goal is 15 times its speed.

octoDNS is installed into a folder of its own, from the index that pip uses; it is no
dependency of anything here.

    python tests/benchmarks/octodns.py [SERVERS …]     default: 1000
    python tests/benchmarks/octodns.py 1000 10000 --rounds 3     about 10 minutes
    python tests/benchmarks/octodns.py --sync PATH/octodns-sync
"""

from __future__ import annotations

import os
import subprocess
import tempfile
import venv
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from cold_plan import CHANGES
from corpus import acknowledge, environment, write_fleet
from measure import arguments, cpu, icesync, interleave, median, peak, print_table, ratio, run, wall

if TYPE_CHECKING:
    from collections.abc import Callable

    from measure import Sample

VERSION = "1.22.0"
VALUES = 25
EVERY = 100
PLAN, PEER = "icesync plan", "octodns-sync"

READ_BACK = """\
from octodns.provider.yaml import YamlProvider

class ReadBack(YamlProvider):
    def populate(self, zone, target=False, lenient=False):
        return super().populate(zone, target=False, lenient=lenient)
"""

CONFIG = """\
providers:
  files: {{class: octodns.provider.yaml.YamlProvider, directory: {0}/files}}
  service: {{class: readback.ReadBack, directory: {0}/service}}
zones:
  example.test.: {{sources: [files], targets: [service]}}
"""


def install(folder: Path) -> Path:
    """Install octoDNS into *folder* and return its program."""
    venv.create(folder, with_pip=True)
    pip = [str(folder / "bin" / "pip"), "install", "--quiet", f"octodns=={VERSION}"]
    subprocess.run(pip, check=True)
    return folder / "bin" / "octodns-sync"


def write_zone(folder: Path, records: int, *, changed: bool) -> None:
    """Write a zone of so many records; if *changed*, one in a hundred has another value."""
    folder.mkdir(parents=True)
    with (folder / "example.test.yaml").open("w") as file:
        for number in range(records):
            last = [f"10.{number >> 8 & 255}.{number & 255}.{n}" for n in range(1, VALUES + 1)]
            if changed and number % EVERY == 0:
                last[-1] = f"10.{number >> 8 & 255}.{number & 255}.99"
            values = "".join(f"  - {value}\n" for value in last)
            file.write(f"r{number:06}:\n  ttl: 300\n  type: A\n  values:\n{values}")


def cases(folder: Path, servers: int, sync: Path) -> dict[str, Callable[[], Sample]]:
    """Return what is to be run for *servers*, written below *folder*."""
    fleet, zone = folder / "fleet", folder / "zone"
    write_fleet(fleet, servers)
    acknowledge(fleet, servers)
    write_fleet(fleet, servers, change_every=EVERY)
    write_zone(zone / "files", servers, changed=True)
    write_zone(zone / "service", servers, changed=False)
    (zone / "config.yaml").write_text(CONFIG.format(zone))
    (zone / "readback.py").write_text(READ_BACK)
    plan = [*icesync(), "-C", str(fleet), "plan", "--detailed-exitcode"]
    peer = [str(sync), f"--config-file={zone / 'config.yaml'}"]
    return {
        f"{servers} {PLAN}": partial(run, plan, environment(servers), CHANGES),
        f"{servers} {PEER}": partial(run, peer, {**os.environ, "PYTHONPATH": str(zone)}),
    }


def main() -> None:
    """Measure and print."""
    parser = arguments(__doc__)
    parser.add_argument("servers", type=int, nargs="*", default=[1000], metavar="SERVERS")
    parser.add_argument("--sync", type=Path, metavar="PATH", help="an octodns-sync that is there")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        sync = asked.sync or install(Path(name, "octodns"))
        every = {
            case: command
            for servers in asked.servers
            for case, command in cases(Path(name, str(servers)), servers, sync).items()
        }
        samples = interleave(every, asked.rounds)
    rows = [
        [
            case,
            f"{median(samples, case, wall):.2f}",
            f"{median(samples, case, cpu):.2f}",
            f"{median(samples, case, peak):.0f}",
            f"{ratio(samples, case, f'{case.split()[0]} {PLAN}', wall):.1f}",
            f"{ratio(samples, case, f'{case.split()[0]} {PLAN}', cpu):.1f}",
        ]
        for case in every
    ]
    title = f"1 % changed, medians of {asked.rounds} rounds"
    print_table(title, ["", "wall s", "CPU s", "peak MiB", "x plan", "CPU x plan"], rows)


if __name__ == "__main__":
    main()
