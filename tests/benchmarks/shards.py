"""
Shards of one fleet, applied side by side: nothing is sent twice, nothing is missed.

The emulator and each shard run in a process of their own; what arrived is counted in
the emulator's own history. Afterwards a plan of the whole fleet must find no changes.

    python tests/benchmarks/shards.py [--servers 10000] [--shards 5]
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from corpus import environment, write_fleet

from icesync.emulator.storage import Storage

if TYPE_CHECKING:
    from collections.abc import Iterator

PROGRAM = [sys.executable, "-m", "icesync"]


@contextmanager
def emulator(folder: Path) -> Iterator[str]:
    """Serve an emulator whose history is ``emulator.sqlite`` in *folder*; give its address."""
    ready = folder / "ready"
    command = [*PROGRAM, "emulator", "--port", "0", "--data", str(folder / "emulator.sqlite")]
    with subprocess.Popen(
        [*command, "--token-ttl", "36000", "--ready-file", str(ready), "-q"],
        stdout=subprocess.DEVNULL,
    ) as process:
        try:
            while not (ready.exists() and ready.read_text().strip()):
                time.sleep(0.05)
            yield ready.read_text().strip()
        finally:
            process.terminate()


def main() -> int:
    """Run, and print the figures; 1 when a promise was broken."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--servers", type=int, default=10_000)
    parser.add_argument("--shards", type=int, default=5)
    asked = parser.parse_args()
    env = environment(asked.servers)
    with tempfile.TemporaryDirectory() as name, emulator(Path(name)) as url:
        fleet = Path(name, "fleet")
        write_fleet(fleet, asked.servers, base_url=url)
        config = fleet / "icesync.yaml"
        state = 'state: {per: organization, path: "state/{organization}.json"}\n'
        config.write_text(config.read_text() + state)
        started = time.monotonic()
        shards = [
            subprocess.Popen(
                [*PROGRAM, "-C", str(fleet), "apply", "-y", "-q", "--shard", f"{k}/{asked.shards}"],
                env=env,
                stdout=subprocess.DEVNULL,
            )
            for k in range(1, asked.shards + 1)
        ]
        codes = [shard.wait() for shard in shards]
        wall_s = time.monotonic() - started
        plan = subprocess.run(
            [*PROGRAM, "-C", str(fleet), "plan", "-q", "--detailed-exitcode"],
            env=env, stdout=subprocess.DEVNULL, check=False,
        )  # fmt: skip
        with closing(Storage(str(Path(name, "emulator.sqlite")))) as archive:
            calls = archive.calls(asked.servers * 10)
    sent = Counter((c.org, c.skill) for c in calls if c.skill is not None)
    duplicates = sum(count - 1 for count in sent.values())
    missing = asked.servers - len(sent)
    print(f"{asked.servers} servers, {asked.shards} shards: exit codes {codes}, {wall_s:.1f} s")
    print(
        f"calls {sent.total()}, duplicates {duplicates}, missing {missing}, plan {plan.returncode}"
    )
    return int(any(codes) or bool(duplicates) or bool(missing) or plan.returncode != 0)


if __name__ == "__main__":
    sys.exit(main())
