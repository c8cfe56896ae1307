"""
``icesync plan`` against the program that one would write first.

That program uses the same libraries without care: ``yaml.safe_load`` for every
file, ``jsonschema.validate`` with icesync's own schema for every document,
DeepDiff over everything against what was remembered as JSON. It compares no
secrets, merges no defaults, and prints positions of nothing. One server in a
hundred changed. The goal is 20 times its speed. Once more with PyYAML's C loader,
which who has measured once would take.

    python tests/benchmarks/naive.py [--servers 1000]
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path

from corpus import acknowledge, environment, write_fleet
from measure import arguments, cpu, icesync, interleave, median, peak, print_table, ratio, run, wall

READ = """
import json, os, sys
import yaml

LOADER = sys.argv[1]

def read(folder, check):
    servers = {}
    for name in sorted(os.listdir(folder)):
        with open(os.path.join(folder, name)) as file:
            document = yaml.load(file, getattr(yaml, LOADER))
        check(document)
        for server in document["servers"]:
            servers[f"{document['organization']}/{server['skill']}"] = server
    return servers
"""

REMEMBER = f"""{READ}
json.dump(read(sys.argv[2], lambda document: None), sys.stdout)
"""

NAIVE = f"""{READ}
import jsonschema
from deepdiff import DeepDiff

folder, schema, memory = sys.argv[2:]
with open(schema) as file:
    schema = json.load(file)
with open(memory) as file:
    before = json.load(file)
after = read(folder, lambda document: jsonschema.validate(document, schema))
print(DeepDiff(before, after).pretty())
"""

PLAN, BASE, QUICK = "icesync plan", "the naive program", "the same with CSafeLoader"
CHANGES = 2
"""The exit code of a plan with changes."""


def main() -> None:
    """Measure and print."""
    parser = arguments(__doc__)
    parser.add_argument("--servers", type=int, default=1000, metavar="N")
    asked = parser.parse_args()
    servers, secrets = asked.servers, environment(asked.servers)
    with tempfile.TemporaryDirectory() as name:
        before, after = Path(name, "before"), Path(name, "after")
        write_fleet(before, servers)
        write_fleet(after, servers, change_every=100)
        acknowledge(before, servers)
        shutil.copy(before / "icesync.state.json", after)
        schema, memory = Path(name, "schema.json"), Path(name, "memory.json")
        schema.write_bytes(_output([*icesync(), "schema", "email-servers"]))
        remember = [sys.executable, "-c", REMEMBER, "CSafeLoader", str(before / "servers")]
        memory.write_bytes(_output(remember))
        assert len(json.loads(memory.read_bytes())) == servers
        plan = [*icesync(), "-C", str(after), "plan", "--detailed-exitcode"]
        files = [str(after / "servers"), str(schema), str(memory)]
        cases = {
            BASE: partial(run, [sys.executable, "-c", NAIVE, "SafeLoader", *files]),
            QUICK: partial(run, [sys.executable, "-c", NAIVE, "CSafeLoader", *files]),
            PLAN: partial(run, plan, secrets, CHANGES),
        }
        samples = interleave(cases, asked.rounds)
    rows = [
        [
            case,
            f"{median(samples, case, wall):.2f}",
            f"{median(samples, case, cpu):.2f}",
            f"{median(samples, case, peak):.0f}",
            f"{ratio(samples, case, PLAN, wall):.1f}",
            f"{ratio(samples, case, PLAN, cpu):.1f}",
        ]
        for case in cases
    ]
    head = ["", "wall s", "CPU s", "peak MiB", "x plan", "CPU x plan"]
    title = f"{servers:,} servers, 1 % changed, medians of {asked.rounds} rounds"
    print_table(title, head, rows)


def _output(command: list[str]) -> bytes:
    return subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout


if __name__ == "__main__":
    main()
