"""
A fleet of any size for the benchmarks: about 820 bytes of YAML a server.

One file an organization with ten servers in it, pop3, imap and smtp blocks and
no defaults, so that every value is read from the text. By hand:

    python tests/benchmarks/corpus.py FOLDER SERVERS

writes a fleet whose snapshot says that everything was acknowledged, and the
variables of its secrets into FOLDER/secrets.env; after ``set -a; . FOLDER/secrets.env``
``icesync -C FOLDER plan`` says "No changes".
"""

from __future__ import annotations

import base64
import os
import subprocess
import sys
from pathlib import Path

SERVERS_A_FILE = 10
PROTOCOLS = ("SMTP", "POP3", "IMAP")

CONFIG = """\
version: 1
api:
  base_url: {base_url}
  login: {{organization: 1, username: bench@example.net, password: ref+env://ICE_LOGIN}}
  rate_per_s: 100000
  concurrency: {concurrency}
files: ["servers/**/*.yaml"]
fingerprints: {{key: ref+file://key}}
limits: {{updates: 100%, adds: 1000000}}
"""

SERVER = """\
  - skill: {skill}
    name: Queue {skill} of {org}
    status: Enabled
    active: true
    incoming: {incoming}
    ssl: false
    tls: true
    spoofing:
      enabled: true
      address: queue{skill}@org{org}.example.net
    smtp:
      host: smtp.org{org}.example.net
      port: {port}
      username: smtp-{skill}
      password: ref+env://ICE_{org}_SMTP
      mailbox: queue{skill}@org{org}.example.net
      poll_rate: {poll_rate}
    pop3:
      host: pop3.org{org}.example.net
      port: 995
      username: pop3-{skill}
      password: ref+env://ICE_{org}_POP3
      mailbox: queue{skill}@org{org}.example.net
      poll_rate: 10
    imap:
      host: imap.org{org}.example.net
      port: 993
      username: imap-{skill}
      password: ref+env://ICE_{org}_IMAP
      mailbox: queue{skill}@org{org}.example.net
      poll_rate: 10
"""

_ACKNOWLEDGE = """
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from icesync.bootstrap import open_session
from icesync.codec.fingerprint import fingerprint, seals_of
from icesync.codec.state import encode_state, seal
from icesync.engine.plan import PlanRequest, plan
from icesync.model.snapshot import Entry, EntryStatus, SecretRecord, Snapshot

context = open_session(Path(sys.argv[1]))
made = plan(context, PlanRequest())
values, key = made.resolution.values, made.key
now, salt = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"), bytes(16)

def secret(address, name, reference):
    mark = fingerprint(key, address, name, salt, values[reference.text])
    return SecretRecord(reference.text, mark)

entries = {}
for address, server in made.desired.servers.items():
    secrets = {name: secret(address, name, ref) for name, ref in server.secrets.items()}
    entry = Entry(EntryStatus.APPLIED, server.settings, secrets, applied_at=now)
    entries[address] = seal(address, entry)
target = context.project.api.base_url
before = Snapshot(target)
snapshot = Snapshot(target, serial=1, lineage="bench", key_id=key.id, entries=entries)
snapshot = replace(snapshot, seals=seals_of(key, snapshot, before, trusted=False))
path = Path(context.project.root, context.project.state.path)
path.write_bytes(encode_state(snapshot, "0", key))
"""


def write_fleet(
    folder: Path,
    servers: int,
    *,
    base_url: str = "emulator",
    concurrency: int = 8,
    change_every: int = 0,
) -> None:
    """
    Write *servers* servers below *folder*.

    With *change_every* one server in so many has another poll rate than the
    same fleet without it.
    """
    (folder / "servers").mkdir(parents=True, exist_ok=True)
    config = CONFIG.format(base_url=base_url, concurrency=concurrency)
    (folder / "icesync.yaml").write_text(config)
    (folder / "key").write_text(base64.b64encode(bytes(range(32))).decode() + "\n")
    for first in range(0, servers, SERVERS_A_FILE):
        org = first // SERVERS_A_FILE + 1
        numbers = range(first, min(first + SERVERS_A_FILE, servers))
        text = "".join(_server(org, number, change_every) for number in numbers)
        path = folder / "servers" / f"org-{org:05}.yaml"
        path.write_text(f"version: 1\norganization: {org}\nservers:\n{text}")


def _server(org: int, number: int, change_every: int) -> str:
    return SERVER.format(
        skill=number + 1,
        org=org,
        incoming="pop3" if number % 2 else "imap",
        port=587 if number % 3 else 2525,
        poll_rate=20 if change_every and number % change_every == 0 else 10,
    )


def environment(servers: int) -> dict[str, str]:
    """Return this process's variables with those that the secrets of a fleet are in."""
    return {**os.environ, **secrets_of(servers)}


def secrets_of(servers: int) -> dict[str, str]:
    """Return the variables that the secrets of a fleet of *servers* are in."""
    organizations = range(1, (servers - 1) // SERVERS_A_FILE + 2)
    secrets = {f"ICE_{org}_{p}": f"bench-{org}-{p}" for org in organizations for p in PROTOCOLS}
    return {**secrets, "ICE_LOGIN": "bench"}


def acknowledge(folder: Path, servers: int) -> None:
    """
    Write the snapshot that a complete apply would leave, without a call.

    In a process of its own: a child's peak memory is never below its parent's.
    """
    subprocess.run(
        [sys.executable, "-c", _ACKNOWLEDGE, str(folder)], check=True, env=environment(servers)
    )


if __name__ == "__main__":
    target, count = Path(sys.argv[1]), int(sys.argv[2])
    write_fleet(target, count)
    acknowledge(target, count)
    lines = [f"{name}={value}\n" for name, value in secrets_of(count).items()]
    (target / "secrets.env").write_text("".join(lines))
