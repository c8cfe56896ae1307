"""
Every benchmark in turn, each with its table: ``python tests/benchmarks``.

About an hour on two cores; one round of each, with ``--quick``, takes a few minutes.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

SCRIPTS = (
    ("startup.py",),
    ("cold_plan.py", "1000", "10000"),
    ("validate.py", "1000", "10000"),
    ("naive.py",),
    ("large.py",),
    ("throughput.py",),
    ("throughput.py", "--servers", "400", "--latency-ms", "50"),
)
"""What is run; parts.py, probe.py and shards.py want servers of their own and much more time."""


def main() -> None:
    """Run all of them, and end with the first that fails."""
    quick = ["--rounds", "1"] if "--quick" in sys.argv[1:] else []
    for name, *arguments in SCRIPTS:
        print(f"\n## {name} {' '.join(arguments)}", flush=True)
        script = Path(__file__).with_name(name)
        subprocess.run([sys.executable, str(script), *arguments, *quick], check=True)


if __name__ == "__main__":
    main()
