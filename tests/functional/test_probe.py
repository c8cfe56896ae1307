"""``icesync probe`` and the gate of plan and apply, against servers that play a part."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest
from documents import demand_fit
from mailscript import CUT, HANG, IMAP, SMTP, Certificates, ScriptedServer
from rig import Repository, Result, assert_refused, run_program

from icesync.model.probe import SPEAKS_FROM_HERE
from icesync.probe.connection import Timeouts

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

REFUSED = {**SMTP, "AUTH": "535 5.7.8 no: smtp secret 8261 \x1b[31m ::error::"}


class Fleet:
    """A repository whose one server sends and collects through scripted servers."""

    def __init__(self, root: Path, certificates: Certificates) -> None:
        self.repository = Repository(root)
        self._ca_file = certificates.ca_file
        self._context = certificates.good

    def point_at(self, smtp: ScriptedServer, imap: ScriptedServer) -> None:
        """Let the files name these servers."""
        replace = self.repository.replace
        replace("servers/59.yaml", "smtp.example.org", "localhost")
        replace("servers/59.yaml", "imap.example.org", "localhost")
        replace("servers/59.yaml", "port: 587", f"port: {smtp.port}")
        replace("servers/59.yaml", "port: 993", f"port: {imap.port}")
        replace(
            "servers/59.yaml", "servers:", "  probe: {smtp: implicit, imap: implicit}\nservers:"
        )

    def run(self, *arguments: str, **environ: str) -> Result:
        """Run the program, which trusts the authority of the tests."""
        repository = self.repository
        probing = arguments[0] == "probe" or "--probe" in arguments
        trust = ("--ca-file", self._ca_file) if probing else ()
        return run_program([*arguments, *trust], repository.root, {**repository.environ, **environ})


@pytest.fixture
def good(certificates: Certificates) -> Iterator[tuple[ScriptedServer, ScriptedServer]]:
    """Two servers that take every login."""
    with (
        ScriptedServer(SMTP, implicit=certificates.good) as smtp,
        ScriptedServer(IMAP, implicit=certificates.good) as imap,
    ):
        yield smtp, imap


@pytest.fixture
def picky(certificates: Certificates) -> Iterator[tuple[ScriptedServer, ScriptedServer]]:
    """A server to send by that refuses the login, and one to collect from that takes it."""
    with (
        ScriptedServer(REFUSED, implicit=certificates.good) as smtp,
        ScriptedServer(IMAP, implicit=certificates.good) as imap,
    ):
        yield smtp, imap


@pytest.fixture
def fleet(tmp_path: Path, certificates: Certificates) -> Fleet:
    """A repository; nothing was applied yet."""
    return Fleet(tmp_path / "repository", certificates)


Pair = tuple[ScriptedServer, ScriptedServer]


def test_a_good_probe(fleet: Fleet, good: Pair) -> None:
    """Exit 0, a row for each block, and once the sentence from where the probe speaks."""
    fleet.point_at(*good)
    result = fleet.run("probe")

    assert result.code == 0, result
    assert result.stdout.startswith("Probe: 2 ok.\n")
    assert result.stderr.count(SPEAKS_FROM_HERE) == 1
    assert [len(server.commands("AUTH")) for server in good] == [1, 1]


@pytest.mark.parametrize("form", ["text", "json", "junit", "markdown", "html"])
def test_a_refused_login(fleet: Fleet, picky: Pair, form: str) -> None:
    """Exit 11 in every format; the password, which the server repeats, is in none."""
    fleet.point_at(*picky)
    shown = ("--report", f"{form}=-") if form in {"junit", "html"} else ("--format", form)
    result = fleet.run("probe", "59/663", *shown, "-vvv", "--debug")

    assert_refused(result, 11, "1 of 2 probes failed", hint="icesync probe")
    assert "rejected" in result.stdout
    assert "smtp secret" not in result.stdout + result.stderr
    assert "\x1b" not in result.stdout
    assert len(picky[0].commands("AUTH")) == 1


def test_json(fleet: Fleet, good: Pair) -> None:
    """The document names file and line, mode and why, certificate, mechanism, sender and inbox."""
    fleet.point_at(*good)
    smtp, imap = fleet.run("probe", "--json").document["results"]

    assert (smtp["result"], smtp["mode"], smtp["mode_reason"]) == ("ok", "implicit", "override")
    assert (smtp["file"], smtp["mechanism"]) == ("servers/59.yaml", "PLAIN")
    assert smtp["senders"] == [
        {"sender": "desk@example.org", "accepted": True, "answer": "250 2.1.0 fine"}
    ]
    assert smtp["certificate"]["days_left"] == 90
    assert imap["inbox_messages"] == 7


@pytest.mark.parametrize(("strict", "code"), [((), 0), (("--strict",), 11)])
def test_what_cannot_be_reached(fleet: Fleet, strict: tuple[str, ...], code: int) -> None:
    """Runners are often firewalled: a warning, unless asked to be strict."""
    with ScriptedServer(SMTP) as smtp, ScriptedServer(IMAP) as imap:
        fleet.point_at(smtp, imap)
    result = fleet.run("probe", *strict)

    assert result.code == code
    assert "Probe: 2 could not be checked." in result.stdout


def test_only_what_changes(fleet: Fleet, good: Pair) -> None:
    """After an apply nothing changes, so nothing is asked."""
    fleet.point_at(*good)
    assert fleet.run("apply", "-y").code == 0
    result = fleet.run("probe", "--changed")

    assert (result.code, result.stdout) == (0, "Probe: nothing to probe.\n")
    assert good[0].connections == 0


def test_a_secret_that_is_missing(fleet: Fleet, good: Pair) -> None:
    """Exit 3 names it; nothing was tried."""
    fleet.point_at(*good)
    del fleet.repository.environ["ICE_SMTP"]
    result = fleet.run("probe")

    assert_refused(result, 3, "59/663: `smtp.password`", "ICE_SMTP")
    assert good[1].connections == 0


def test_a_plan_that_looks_at_no_secret_cannot_probe(fleet: Fleet) -> None:
    """Two flags that exclude each other are an error of the command line."""
    result = fleet.run("plan", "--probe", "--secrets", "skip")

    assert_refused(result, 64, "without the passwords", hint="--secrets skip")


def test_clear_text_for_nobody(fleet: Fleet) -> None:
    """An address that means no server is a slip, here as everywhere."""
    result = fleet.run("probe", "--allow-cleartext", "59/9999")

    assert_refused(result, 64, "no server matches --allow-cleartext 59/9999")


def test_an_address_that_is_none(fleet: Fleet) -> None:
    """A slip is an error, in the words of this command."""
    assert_refused(fleet.run("probe", "59/9999"), 64, "no server matches 59/9999")


def test_a_ca_file_that_is_none(fleet: Fleet) -> None:
    """So is trust that cannot be had."""
    result = run_program(
        ["probe", "--ca-file", "no.pem"], fleet.repository.root, fleet.repository.environ
    )

    assert_refused(result, 64, "--ca-file cannot be used: No such file", hint=None)


def test_a_new_host_is_not_shown_a_password(fleet: Fleet, good: Pair) -> None:
    """A change of the host in a file is no reason to send the password there, unless asked to."""
    assert fleet.run("apply", "-y").code == 0
    fleet.point_at(*good)
    held = fleet.run("probe", "--changed")
    lifted = fleet.run("probe", "--allow", "host-change")
    named = fleet.run("probe", "59/663")

    assert "2 skipped" in held.stdout
    assert "--allow host-change:59/663" in held.stdout
    assert "2 ok" in lifted.stdout
    assert "2 ok" in named.stdout


def test_plan_shows_the_guard(fleet: Fleet, picky: Pair) -> None:
    """A plan with a failed probe is a plan: exit 0, the table below it, the way through."""
    fleet.point_at(*picky)
    result = fleet.run("plan", "--probe")

    assert result.code == 0
    assert result.stdout.index("Plan: 1 to add") < result.stdout.index("Probe: 1 ok, 1 failed")
    assert "smtp probe: auth_rejected  --allow probe:59/663" in result.stderr


def test_a_plan_as_json_stays_one_document(fleet: Fleet, picky: Pair) -> None:
    """What programs read is the plan, with what the probe saw beside it; apply takes it."""
    fleet.point_at(*picky)
    result = fleet.run("plan", "--probe", "--json")
    fleet.repository.write("plan.json", result.stdout)
    applied = fleet.run("apply", "plan.json")

    document = json.loads(result.stdout)
    demand_fit(document)
    assert document["probe"]["counts"]["failed"] == 1
    assert document["resource_changes"]
    assert applied.code == 0, applied


def test_apply_is_gated(fleet: Fleet, picky: Pair) -> None:
    """Exit 9 and nothing sent, until the failure is let through by name."""
    fleet.point_at(*picky)
    refused = fleet.run("apply", "-y", "--probe")
    nothing = fleet.run("plan", "--detailed-exitcode")
    applied = fleet.run("apply", "-y", "--probe", "--allow", "probe:59/663")

    assert_refused(refused, 9, "nothing was sent", hint="--allow probe:59/663")
    assert nothing.code == 2
    assert applied.code == 0, applied
    assert "Probe: 1 ok, 1 failed" in applied.stdout


def test_apply_of_what_works(fleet: Fleet, good: Pair) -> None:
    """A probe that passes changes nothing about an apply."""
    fleet.point_at(*good)
    result = fleet.run("apply", "-y", "--probe")

    assert result.code == 0, result
    assert "1 applied" in result.stdout


def test_an_apply_that_is_refused_anyway_probes_nothing(fleet: Fleet, good: Pair) -> None:
    """Limits and guards come first: no password is shown for a plan that may not be."""
    fleet.point_at(*good)
    fleet.repository.replace("icesync.yaml", "adds: 100", "adds: 0")
    result = fleet.run("apply", "-y", "--probe")

    assert_refused(result, 9, "adds", hint="--allow adds")
    assert good[0].connections == 0


def test_the_override_is_never_sent(fleet: Fleet) -> None:
    """`probe:` in a file changes nothing about what ICE gets, so it is no change."""
    assert fleet.run("apply", "-y").code == 0
    fleet.repository.replace("servers/59.yaml", "servers:", "  probe: {smtp: none}\nservers:")

    assert fleet.run("plan", "--detailed-exitcode").code == 0


def test_dns(fleet: Fleet, good: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    """--dns adds rules of thumb about the senders' domains, which fail nobody."""
    from icesync.model.probe import DomainFacts

    class Lookup:
        def look(self, domain: str) -> DomainFacts:
            return DomainFacts(domain)

    monkeypatch.setattr("icesync.probe.dns.Domains", Lookup)
    fleet.point_at(*good)
    result = fleet.run("probe", "--dns", "--strict")

    assert result.code == 0, result
    assert "! example.org: has no SPF record" in result.stdout


def test_dns_without_its_library(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    """The extra is named where it is missing."""
    import sys

    monkeypatch.setitem(sys.modules, "icesync.probe.dns", None)  # type: ignore[arg-type]

    assert_refused(fleet.run("probe", "--dns"), 64, "needs dnspython", hint="icesync[dns]")


def test_an_unused_block(fleet: Fleet, good: Pair) -> None:
    """--all adds the way to collect that is not in use, where it is given in full."""
    fleet.point_at(*good)
    unused: Any = (
        f"  pop3: {{host: localhost, port: {good[1].port}, username: desk, "
        "password: ref+env://ICE_IMAP, mailbox: d@example.org, poll_rate: 1}\nservers:"
    )
    fleet.repository.replace("servers/59.yaml", "servers:", unused)
    fleet.repository.replace(
        "servers/59.yaml", "imap: implicit}", "imap: implicit, pop3: implicit}"
    )
    usual, everything = fleet.run("probe"), fleet.run("probe", "--all")

    assert (usual.code, everything.code) == (0, 11)
    assert "59/663  pop3  protocol" in everything.stdout


@pytest.mark.parametrize("command", [("probe",), ("plan", "--probe"), ("apply", "-y", "--probe")])
def test_reports_tell_what_the_probe_saw(
    fleet: Fleet, picky: Pair, command: tuple[str, ...]
) -> None:
    """Each report names the login that was refused, and holds no password."""
    fleet.point_at(*picky)
    kinds = ("json", "markdown", "html")
    wanted = [part for kind in kinds for part in ("--report", f"{kind}=probe.{kind}")]
    fleet.run(*command, *wanted)

    for kind in kinds:
        told = (fleet.repository.root / f"probe.{kind}").read_text()
        assert "auth_rejected" in told
        assert "5.7.8" in told
        assert "smtp secret" not in told
    demand_fit(json.loads((fleet.repository.root / "probe.json").read_text()))


def test_check_names_who_says_no(fleet: Fleet, picky: Pair) -> None:
    """Nothing is to be sent, and still there is something to do: exit 2, in every report."""
    fleet.point_at(*picky)
    assert fleet.run("apply", "-y").code == 0
    result = fleet.run("check", "--probe", "--report", "json=c.json", "--report", "junit=c.xml")

    document = json.loads((fleet.repository.root / "c.json").read_text())
    demand_fit(document)
    assert result.code == 2, result
    assert "59/663 smtp auth_rejected\n" in result.stdout.partition("Maintenance:")[2]
    assert document["maintenance"]["failed_logins"] == [
        {"address": "59/663", "protocol": "smtp", "result": "auth_rejected"}
    ]
    assert 'failures="1"' in (fleet.repository.root / "c.xml").read_text()


def test_check_of_what_works(fleet: Fleet, good: Pair) -> None:
    """Only who wants a probe gets one; one that passes leaves exit 0."""
    fleet.point_at(*good)
    assert fleet.run("apply", "-y").code == 0
    quiet, probed = fleet.run("check"), fleet.run("check", "--probe")

    assert (quiet.code, probed.code) == (0, 0)
    assert "Probe" not in quiet.stdout
    assert "Probe: 2 ok." in probed.stdout
    assert [server.connections for server in good] == [1, 1]


def test_check_names_certificates_near_their_end(
    fleet: Fleet, good: Pair, certificates: Certificates
) -> None:
    """A certificate that works today is work for this week: exit 2, with those who use it."""
    with ScriptedServer(SMTP, implicit=certificates.contexts["soon"]) as smtp:
        fleet.point_at(smtp, good[1])
        assert fleet.run("apply", "-y").code == 0
        result = fleet.run("check", "--probe")

    told = result.stdout.partition("Maintenance:")[2]
    assert result.code == 2, result
    assert f"localhost:{smtp.port} expires in 12 days, 59/663\n" in told


@pytest.mark.parametrize("command", [("plan", "--probe"), ("probe",), ("probe", "--changed")])
def test_a_pull_request_sends_no_new_password_to_a_new_host(
    fleet: Fleet, good: Pair, command: tuple[str, ...]
) -> None:
    """Whoever may open a pull request cannot have a password sent to a host of their own."""
    fleet.point_at(*good)
    held = fleet.run(*command, CI_MERGE_REQUEST_IID="7")
    heard = [line for server in good for line in server.heard]
    let = fleet.run(*command, "--allow", "host-change:59/663", CI_MERGE_REQUEST_IID="7")

    assert (held.code, let.code) == (0, 0)
    assert heard == []
    assert "icesync has never sent this password to localhost" in held.stdout
    assert "--allow host-change:59/663" in held.stdout
    assert "Probe: 2 ok" in let.stdout


def test_a_named_server_is_probed_in_a_pull_request(fleet: Fleet, good: Pair) -> None:
    """Whoever names a server on the command line means its host."""
    fleet.point_at(*good)

    assert "Probe: 2 ok" in fleet.run("probe", "59/663", CI_MERGE_REQUEST_IID="7").stdout


def test_a_timeout_of_its_own(fleet: Fleet, certificates: Certificates) -> None:
    """A server that says nothing costs what the command line says, not more."""
    with ScriptedServer({"greeting": HANG}, implicit=certificates.good) as silent:
        fleet.point_at(silent, silent)
        began = time.monotonic()
        result = fleet.run("probe", "--timeout", "1")

    assert result.code == 0
    assert "2 could not be checked" in result.stdout
    assert time.monotonic() - began < 25


def unshared() -> str:
    """Return why no network can be made here that drops packets, or nothing."""
    if os.geteuid() != 0:
        return "a network namespace is made as root only"
    done = subprocess.run(["unshare", "-n", "ip", "link"], check=False, capture_output=True)
    return "" if done.returncode == 0 else "unshare and ip are not installed, or not permitted"


@pytest.mark.skipif(bool(why := unshared()), reason=why)
def test_500_skills_behind_a_firewall(tmp_path: Path) -> None:
    """Packets that nobody answers cost seconds for the fleet, not minutes; all rows warn."""
    repository = Repository(tmp_path / "repository")
    block = "username: desk@desk.test, password: ref+env://ICE_SMTP, mailbox: desk@desk.test"
    servers = "\n".join(
        f"  - {{skill: {n}, name: N{n}, smtp: {{username: u{n}}}, imap: {{username: u{n}}}}}"
        for n in range(1, 501)
    )
    repository.write(
        "servers/59.yaml",
        f"""\
version: 1
organization: 59
defaults:
  status: Enabled
  active: true
  incoming: imap
  ssl: false
  tls: true
  smtp: {{host: 192.0.2.25, port: 587, {block}, poll_rate: 10}}
  imap: {{host: 192.0.2.143, port: 993, {block}, poll_rate: 10}}
servers:
{servers}
""",
    )
    network = (
        "ip link set lo up && ip addr add 10.9.9.1/32 dev lo && "
        "ip route add 192.0.2.0/24 dev lo src 10.9.9.1 && exec "
    )
    probe = f"{sys.executable} -m icesync probe --json --timeout 2"
    began = time.monotonic()
    done = subprocess.run(
        ["unshare", "-n", "sh", "-c", f"{network} {probe}"],
        cwd=repository.root, env={**os.environ, **repository.environ}, capture_output=True,
        text=True, check=False, timeout=120,
    )  # fmt: skip
    took_s = time.monotonic() - began
    document = json.loads(done.stdout)

    assert done.returncode == 0, done.stderr
    assert document["counts"]["warning"] == 1000
    assert {row["result"] for row in document["results"]} == {"timeout"}
    assert took_s < 60, took_s


@pytest.mark.parametrize(
    "answer",
    [
        "* NO [AUTHENTICATIONFAILED] Authentication failed" + HANG,
        "* BYE Too many authentication failures\r\na NO [AUTHENTICATIONFAILED] no",
        CUT,
    ],
    ids=["an untagged no", "goodbye first", "the end"],
)
def test_a_no_that_is_not_tidy_is_a_no(
    fleet: Fleet, certificates: Certificates, monkeypatch: pytest.MonkeyPatch, answer: str
) -> None:
    """A revoked password is exit 11, and nothing is sent by an apply that probes."""
    short = Timeouts(last_word_s=0.3, goodbye_s=0.3)
    monkeypatch.setattr("icesync.probe.prober.Timeouts", lambda: short)
    with (
        ScriptedServer(SMTP, implicit=certificates.good) as smtp,
        ScriptedServer({**IMAP, "AUTHENTICATE": answer}, implicit=certificates.good) as imap,
    ):
        fleet.point_at(smtp, imap)
        probed = fleet.run("probe")
        applied = fleet.run("apply", "--auto-approve", "--probe")

    assert (probed.code, applied.code) == (11, 9)
    assert "59/663 imap auth_" in probed.stdout
    assert "nothing was sent" in applied.stderr
