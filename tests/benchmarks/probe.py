"""
How many probes a second icesync makes, against bare smtplib, imaplib and poplib.

A mixed fleet: SMTP, POP3 and IMAP, STARTTLS and implicit, each server with a
host name and an account of its own, on a real Dovecot and Postfix on loopback
(Debian's packages; needs root). The yardstick logs in to the same endpoints
with as many threads by the standard library and does nothing else but look at
the inbox and leave; both verify certificates. Rounds are interleaved. All
processes share this machine and most of the time is the servers', so the rates
are lower bounds and the ratio counts.

    python tests/benchmarks/probe.py [--probes 100] [--rounds 5]
"""

from __future__ import annotations

import argparse
import imaplib
import poplib
import smtplib
import socket
import ssl
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import trustme
from mailservers import PASSWORD, MailServers, missing

from icesync.bootstrap import SystemClock
from icesync.config.resolve import LayeredOrigin
from icesync.engine.plan import Planning
from icesync.engine.probe import AT_ONCE, probe
from icesync.engine.secret_resolution import Resolution
from icesync.model.desired import Address, DesiredServer, DesiredState
from icesync.model.probe import MailProtocol, Mode, ProbeKind, ProbeTarget
from icesync.model.secret import SecretRef, SecretValue
from icesync.planner.probe import WantedProbe
from icesync.probe.prober import MailProber

ENDPOINTS = (
    ("smtp", "submission", Mode.STARTTLS),
    ("imap", "imaps", Mode.IMPLICIT),
    ("pop3", "pop3s", Mode.IMPLICIT),
    ("smtp", "smtps", Mode.IMPLICIT),
    ("imap", "imap", Mode.STARTTLS),
    ("pop3", "pop3", Mode.STARTTLS),
)
REFERENCE = SecretRef("ref+bench://password", "bench", "password")


@dataclass(frozen=True)
class Sample:
    """One round: wall time and this process's processor time, in seconds."""

    wall_s: float
    cpu_s: float


class Origin(LayeredOrigin):
    """Knows no places."""

    def position(self, key: str = "") -> Any:  # noqa: ARG002
        """Return none."""
        return None


def targets(count: int, servers: MailServers) -> list[ProbeTarget]:
    """Return *count* targets, each with a host and an account of its own."""
    made = []
    for number in range(count):
        protocol, port, mode = ENDPOINTS[number % len(ENDPOINTS)]
        made.append(
            ProbeTarget(
                MailProtocol(protocol), f"h{number}.example.test", servers.ports[port], mode,
                "benchmark", f"user{number}@example.test",
            )
        )  # fmt: skip
    return made


def resolve(_host: str, port: int) -> list[Any]:
    """Return where everything is."""
    return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]


def by_icesync(wanted: list[ProbeTarget], ca_file: str) -> None:
    """Probe all of *wanted* as the command does."""
    origin = Origin(())
    servers = {
        Address(59, n): DesiredServer(Address(59, n), {}, {}, origin)
        for n in range(1, len(wanted) + 1)
    }
    nothing: Any = None
    resolution = Resolution({REFERENCE.text: SecretValue(PASSWORD)})
    planning = Planning(
        nothing, nothing, nothing, DesiredState(servers), nothing, resolution, None, (), (), 0
    )
    probes = [WantedProbe(Address(59, n), t, REFERENCE) for n, t in enumerate(wanted, start=1)]
    report = probe(planning, probes, MailProber(ca_file, resolve=resolve), SystemClock())
    assert {row.result.kind for row in report.rows} == {ProbeKind.OK}, report
    assert report.logins == len(wanted)


def by_library(wanted: list[ProbeTarget], ca_file: str) -> None:
    """Log in to all of *wanted* by the standard library."""
    context = ssl.create_default_context(cafile=ca_file)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(lambda target: log_in(target, context), wanted))


def log_in(target: ProbeTarget, context: ssl.SSLContext) -> None:
    """Log in once, look at the inbox, and leave."""
    user, where = target.username, ("localhost", target.port)
    implicit = target.mode is Mode.IMPLICIT
    if target.protocol is MailProtocol.SMTP:
        smtp = (
            smtplib.SMTP_SSL(*where, local_hostname="bench", context=context)
            if implicit
            else smtplib.SMTP(*where, local_hostname="bench")
        )
        if not implicit:
            smtp.starttls(context=context)
        smtp.login(user, PASSWORD)
        smtp.quit()
    elif target.protocol is MailProtocol.IMAP:
        imap = imaplib.IMAP4_SSL(*where, ssl_context=context) if implicit else imaplib.IMAP4(*where)
        if not implicit:
            imap.starttls(context)
        imap.login(user, PASSWORD)
        imap.select("INBOX", readonly=True)
        imap.logout()
    else:
        pop3 = poplib.POP3_SSL(*where, context=context) if implicit else poplib.POP3(*where)
        if not implicit:
            pop3.stls(context)
        pop3.user(user)
        pop3.pass_(PASSWORD)
        pop3.stat()
        pop3.quit()


def timed(work: Any, *given: Any) -> Sample:
    """Return how long *work* took."""
    wall, cpu = time.perf_counter(), time.process_time()
    work(*given)
    return Sample(time.perf_counter() - wall, time.process_time() - cpu)


def main() -> int:
    """Run the rounds and print the figures."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--probes", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    if missing():
        print(f"cannot run: {missing()}")
        return 1
    users = [f"user{n}@example.test" for n in range(options.probes)]
    authority = trustme.CA()
    names = ["localhost", *(f"h{n}.example.test" for n in range(options.probes))]
    samples: dict[str, list[Sample]] = {"icesync": [], "library": []}
    with (
        tempfile.NamedTemporaryFile(suffix=".pem") as ca_file,
        MailServers(authority.issue_cert(*names), users) as servers,
    ):
        authority.cert_pem.write_to_path(ca_file.name)
        wanted = targets(options.probes, servers)
        for _ in range(options.rounds + 1):
            samples["icesync"].append(timed(by_icesync, wanted, ca_file.name))
            samples["library"].append(timed(by_library, wanted, ca_file.name))
    show({name: rounds[1:] for name, rounds in samples.items()}, options.probes)
    return 0


def show(samples: dict[str, list[Sample]], probes: int) -> None:
    """Print both, and their ratio."""
    for name, rounds in samples.items():
        wall, cpu = median(s.wall_s for s in rounds), median(s.cpu_s for s in rounds)
        each_ms = 1000 * cpu / probes
        print(f"{name:8} {probes / wall:7.1f} probes/s  {each_ms:6.2f} ms processor time each")
    pairs = list(zip(samples["icesync"], samples["library"], strict=True))
    print(f"rate: {median(b.wall_s / a.wall_s for a, b in pairs):.2f} x the bare libraries'")
    print(f"processor time: {median(a.cpu_s / b.cpu_s for a, b in pairs):.2f} x theirs")


if __name__ == "__main__":
    sys.exit(main())
