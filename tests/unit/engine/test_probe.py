from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from builders import BILLING, SALES, SUPPORT, desired, entry, plan, secret_record, server, snapshot
from fakes import FakeClock, FakeProber

from icesync.engine.plan import Planning
from icesync.engine.probe import (
    AT_ONCE,
    ENOUGH_TRIES,
    PER_HOST,
    RETRY_AFTER_S,
    ProbeRequest,
    choose_probes,
    count_logins,
    failure_of,
    look_at_domains,
    probe,
)
from icesync.engine.secret_resolution import Resolution
from icesync.engine.state import Stored
from icesync.errors import ConfigInvalid, SecretMissing
from icesync.model.desired import Address
from icesync.model.plan import Selection
from icesync.model.probe import (
    DomainFacts,
    ProbeKind,
    ProbeReport,
    ProbeResult,
    ProbeTarget,
    SenderCheck,
)
from icesync.model.secret import SecretValue
from icesync.planner.policy import Refusal

if TYPE_CHECKING:
    from icesync.model.desired import DesiredServer
    from icesync.model.snapshot import Snapshot

EVERYTHING = ProbeRequest()


def planning(
    *servers: DesiredServer,
    before: Snapshot | None = None,
    selection: Selection | None = None,
    refusals: tuple[Refusal, ...] = (),
    missing: tuple[str, ...] = (),
) -> Planning:
    """Return a planning over *servers*; each secret's value is the text of its reference."""
    wanted = desired(*servers)
    references = {r.text: r for s in servers for r in s.secrets.values()}
    failures = {f"ref+fake://{name}": SecretMissing(f"no {name}") for name in missing}
    values = {t: SecretValue(r.path) for t, r in references.items() if t not in failures}
    unused: Any = None
    made = plan(wanted, before, selection=selection)
    found = Resolution(values, failures)
    stored = Stored(before or snapshot(), None)
    return Planning(made, unused, unused, wanted, stored, found, None, refusals, {}, (), 0)


def sender(address: Address = SUPPORT, secret: str = "one", **changed: Any) -> DesiredServer:  # noqa: S107
    """Return a server that sends, and does not collect in a way that could be probed."""
    return server(address, {"smtp.password": secret}, **changed)


def run(planned: Planning, prober: FakeProber, request: ProbeRequest = EVERYTHING) -> ProbeReport:
    """Probe *planned*."""
    return probe(planned, choose_probes(planned, request), prober, FakeClock())


def test_a_shared_login_is_made_once() -> None:
    """Same endpoint, user and password: one login, a row for each, whatever case the host has."""
    servers = [sender(SUPPORT), sender(SALES, smtp__host="SMTP.example.test"), sender(BILLING)]
    prober = FakeProber()
    report = run(planning(*servers), prober)

    assert (len(prober.probed), report.logins, len(report.rows)) == (1, 1, 3)
    assert report.rows[0].shared_with == (SALES, BILLING)


def test_an_equal_password_is_recognised_behind_another_reference() -> None:
    """A wrong password under two names must not become two refused logins."""
    planned = planning(sender(SUPPORT, "one"), sender(SALES, "two"))
    same = {name: SecretValue("same") for name in planned.resolution.values}
    probes = choose_probes(planned, EVERYTHING)

    assert count_logins(probes, same) == 1
    assert count_logins(probes, planned.resolution.values) == 2


@pytest.mark.parametrize(
    "changed", [{"smtp__port": 465}, {"smtp__username": "other"}, {"smtp__host": "b.test"}]
)
def test_what_differs_is_a_login_of_its_own(changed: dict[str, Any]) -> None:
    """Another port, user or host is another question."""
    prober = FakeProber()
    run(planning(sender(SUPPORT), sender(SALES, **changed)), prober)

    assert len(prober.probed) == 2


def test_senders_of_all_are_asked_in_one_login() -> None:
    """The verdict on a sender reaches those who send as it."""
    checks = (SenderCheck("a@x.test", True, "250 ok"), SenderCheck("b@x.test", False, "553 no"))
    prober = FakeProber({587: ProbeResult(ProbeKind.OK, senders=checks)})
    servers = [sender(SUPPORT, smtp__mailbox="a@x.test"), sender(SALES, smtp__mailbox="b@x.test")]
    report = run(planning(*servers), prober)

    assert prober.probed[0].senders == ("a@x.test", "b@x.test")
    assert [r.result.kind for r in report.rows] == [ProbeKind.OK, ProbeKind.OK_SENDER_REFUSED]


def test_limits_of_hosts_and_accounts() -> None:
    """Two at a time for a host, one for an account; logins meet, so more would show."""
    servers = [
        sender(Address(59, n), f"p{n}", smtp__host="one.test", smtp__username=f"u{n // 2}")
        for n in range(1, 9)
    ]
    prober = FakeProber(linger_s=0.05)
    report = run(planning(*servers), prober)

    assert len(report.rows) == len(prober.probed) == 8
    assert prober.most["host"] == PER_HOST == 2
    assert prober.most["account"] == 1


def test_two_to_a_host_do_meet() -> None:
    """Accounts of one host are probed side by side."""
    servers = [
        sender(Address(59, n), f"p{n}", smtp__host="one.test", smtp__username=f"u{n}")
        for n in (1, 2)
    ]
    prober = FakeProber(meet=2)
    run(planning(*servers), prober)

    assert prober.most["host"] == 2


def test_sixteen_at_once() -> None:
    """All seats are taken, and no more."""
    servers = [
        sender(Address(59, n), f"p{n}", smtp__host=f"h{n}.test") for n in range(1, 2 * AT_ONCE + 1)
    ]
    prober = FakeProber(meet=AT_ONCE)
    run(planning(*servers), prober)

    assert prober.most["all"] == AT_ONCE


def test_rows_are_sorted() -> None:
    """By address, then sending before collecting; never by who answered first."""
    collecting = {"pop3__host": "p.test", "pop3__port": 995, "pop3__username": "u"}
    passwords = {"smtp.password": "s", "pop3.password": "p"}
    servers = [server(a, passwords, **collecting) for a in (BILLING, SALES, SUPPORT)]
    report = run(planning(*servers), FakeProber())

    assert [(row.address, row.target.protocol) for row in report.rows] == [
        (address, protocol)
        for address in (SUPPORT, SALES, BILLING)
        for protocol in ("smtp", "pop3")
    ]


@pytest.mark.parametrize(
    ("kind", "accepted", "key"),
    [
        (ProbeKind.OK, (True, True), "smtp.host"),
        (ProbeKind.AUTH_REJECTED, (), "smtp.password"),
        (ProbeKind.TLS_WRONG_MODE, (), "smtp.port"),
        (ProbeKind.TLS_CERT_EXPIRED, (), "smtp.host"),
        (ProbeKind.OK, (False, True), "smtp.mailbox"),
        (ProbeKind.OK, (True, False), "spoofing.address"),
    ],
)
def test_a_row_leads_to_the_line_to_blame(
    kind: ProbeKind, accepted: tuple[bool, ...], key: str
) -> None:
    """A wrong password is not looked for in the line of the host."""
    spoofing = {"spoofing__enabled": True, "spoofing__address": "b@x.test"}
    given = sender(smtp__mailbox="a@x.test", **spoofing)
    names = ("a@x.test", "b@x.test")
    checks = [SenderCheck(s, yes, "5") for s, yes in zip(names, accepted, strict=False)]
    prober = FakeProber({587: ProbeResult(kind, senders=tuple(checks))})
    [row] = run(planning(given), prober).rows

    assert row.position == given.origin.position(key)


def test_only_what_changes() -> None:
    """A server that nothing is sent for is not asked about either."""
    known = entry(secrets={"smtp.password": secret_record("one")})
    planned = planning(
        sender(SUPPORT), sender(SALES, smtp__port=465), before=snapshot({SUPPORT: known})
    )

    changed = choose_probes(planned, ProbeRequest(changed=True))
    assert [p.address for p in changed] == [SALES]


def test_only_what_is_selected() -> None:
    """Targets of the plan are targets of the probe."""
    planned = planning(sender(SUPPORT), sender(SALES), selection=Selection(("59/664",)))

    assert [p.address for p in choose_probes(planned, EVERYTHING)] == [SALES]


@pytest.mark.parametrize(("pattern", "cleared"), [("59/663", [True, False]), ("59/*", [True] * 2)])
def test_clear_text_is_a_matter_of_each_server(pattern: str, cleared: list[bool]) -> None:
    """There is no switch that covers a run without saying so."""
    planned = planning(sender(SUPPORT), sender(SALES))
    probes = choose_probes(planned, ProbeRequest(clear_text=(pattern,)))

    assert [p.target.clear_text for p in probes] == cleared


def test_a_password_is_not_shown_to_a_new_host() -> None:
    """A probe would present it just as an apply would, so the guard holds here too."""
    refusal = Refusal("host-change", "new host", "host-change:59/663", SUPPORT)
    prober = FakeProber()
    planned = planning(sender(SUPPORT), sender(SALES), refusals=(refusal,))
    report = run(planned, prober)

    assert [row.result.kind for row in report.rows] == [ProbeKind.SKIPPED, ProbeKind.OK]
    assert report.rows[0].result.hint == "--allow host-change:59/663"
    assert report.rows[1].shared_with == ()


def test_a_missing_secret_is_named_before_anything_is_tried() -> None:
    """All that are missing, with their place; those that no probe needs do not matter."""
    servers = [sender(SUPPORT, "gone"), sender(SALES, "idle", status="Disabled")]
    planned = planning(*servers, missing=("gone", "idle"))

    with pytest.raises(ConfigInvalid, match="without the passwords") as caught:
        choose_probes(planned, EVERYTHING)
    assert [str(d.message) for d in caught.value.diagnostics] == [  # type: ignore[attr-defined]
        "59/663: `smtp.password`: no gone"
    ]


def test_nothing_to_probe() -> None:
    """No servers, no rows, no failure."""
    report = run(planning(sender(SUPPORT, status="Disabled")), FakeProber())

    assert (report.logins, failure_of(report, strict=True)) == (0, None)


def test_an_interrupt_cuts_what_is_in_flight() -> None:
    """Whoever leaves does not wait for servers."""

    class Interrupted(FakeProber):
        def probe(self, *_: Any) -> ProbeResult:
            raise KeyboardInterrupt

    prober = Interrupted()
    with pytest.raises(KeyboardInterrupt):
        run(planning(sender()), prober)

    assert prober.closed == 1


@pytest.mark.parametrize(
    ("kind", "strict", "fails"),
    [
        (ProbeKind.OK, True, False),
        (ProbeKind.AUTH_REJECTED, False, True),
        (ProbeKind.TIMEOUT, False, False),
        (ProbeKind.TIMEOUT, True, True),
    ],
)
def test_what_fails_a_probe(kind: ProbeKind, strict: bool, fails: bool) -> None:
    """What could not be reached fails only those who are strict."""
    report = run(planning(sender()), FakeProber({587: ProbeResult(kind)}))
    failure = failure_of(report, strict=strict)

    assert (failure.exit_code if failure else 0) == (11 if fails else 0)


def test_domains_are_looked_at_once() -> None:
    """A domain that many send from is one question."""

    class Lookup:
        asked: list[str] = []  # noqa: RUF012 - one instance

        def look(self, domain: str) -> DomainFacts:
            self.asked.append(domain)
            return DomainFacts(domain)

    planned = planning(sender(SUPPORT), sender(SALES))
    probes = choose_probes(planned, EVERYTHING)
    lookup = Lookup()
    report = look_at_domains(run(planned, FakeProber()), probes, lookup)

    assert lookup.asked == ["example.test"]
    assert all(note.addresses == (SUPPORT, SALES) for note in report.domains)
    assert failure_of(report, strict=True) is None


def test_one_server_never_ends_the_probe_of_the_others() -> None:
    """Whatever goes wrong at one server is a row of that server, without the text of the error."""

    class Broken(FakeProber):
        def probe(self, target: ProbeTarget, password: SecretValue) -> ProbeResult:
            if target.port == 587:
                raise ValueError(password.reveal())
            return super().probe(target, password)

    report = run(planning(sender(SUPPORT), sender(SALES, smtp__port=465)), Broken())

    assert [row.result.kind for row in report.rows] == [ProbeKind.INTERNAL_ERROR, ProbeKind.OK]
    assert report.rows[0].result.detail.endswith("ValueError")


class Passing(FakeProber):
    """Is busy for the first login of each target, then gives what it was made with."""

    def probe(self, target: ProbeTarget, password: SecretValue) -> ProbeResult:
        """Return that the server is busy, the first time."""
        result = super().probe(target, password)
        first = self.probed.count(target) == 1
        return ProbeResult(ProbeKind.AUTH_TEMPORARY, ip="192.0.2.1") if first else result


@pytest.mark.parametrize("kind", [ProbeKind.OK, ProbeKind.AUTH_REJECTED, ProbeKind.IN_USE])
def test_a_busy_server_is_asked_once_more_at_the_end(kind: ProbeKind) -> None:
    """What may pass is tried again after all others and a moment; the second answer counts."""
    servers = [sender(SUPPORT), sender(SALES, smtp__port=465)]
    prober = Passing({587: ProbeResult(kind), 465: ProbeResult(kind)})
    clock = FakeClock()
    planned = planning(*servers)
    before = clock.monotonic()
    report = probe(planned, choose_probes(planned, EVERYTHING), prober, clock)

    assert [(row.result.kind, row.result.attempts) for row in report.rows] == [(kind, 2), (kind, 2)]
    assert [target.port for target in prober.probed[2:]] == [587, 465]
    assert clock.monotonic() - before >= RETRY_AFTER_S
    assert prober.closed == 1


def test_a_rejected_login_is_not_tried_again() -> None:
    """Accounts get locked for that."""
    prober = FakeProber({587: ProbeResult(ProbeKind.AUTH_REJECTED)})
    run(planning(sender()), prober)

    assert len(prober.probed) == 1


def test_an_endpoint_without_a_connection_is_not_tried_for_all() -> None:
    """500 skills behind a firewall cost two waits, and each has a row that says so."""
    lost = ProbeResult(ProbeKind.TIMEOUT, "no connection in time")
    servers = [sender(Address(59, n), smtp__username=f"u{n}") for n in range(1, 501)]
    servers.append(sender(Address(60, 1), smtp__port=465))
    prober = FakeProber({587: lost, 465: ProbeResult(ProbeKind.OK, ip="192.0.2.1")})
    report = run(planning(*servers), prober)

    assert sum(target.port == 587 for target in prober.probed) <= ENOUGH_TRIES + PER_HOST - 1
    assert len(report.rows) == 501
    assert {row.result.kind for row in report.rows[:500]} == {ProbeKind.TIMEOUT}
    assert "skipped: other logins could not connect to" in report.rows[400].result.detail
    assert report.rows[500].result.kind is ProbeKind.OK


def test_a_server_that_was_reached_is_tried_for_all() -> None:
    """A timeout after a connection says something about that login only."""
    slow = ProbeResult(ProbeKind.TIMEOUT, "no answer", ip="192.0.2.1")
    servers = [sender(Address(59, n), smtp__username=f"u{n}") for n in range(1, 9)]
    prober = FakeProber({587: slow})
    run(planning(*servers), prober)

    assert len(prober.probed) == 8


@pytest.mark.parametrize(
    ("host", "known", "allowed", "probed"),
    [
        ("mail.attacker.test", False, (), False),
        ("mail.attacker.test", False, ("host-change:59/664",), False),
        ("mail.attacker.test", False, ("host-change:59/663",), True),
        ("mail.attacker.test", False, ("host-change",), True),
        ("mail.attacker.test", True, (), True),
        ("smtp.gmail.com", False, (), True),
        ("SMTP.Gmail.com.", False, (), True),
        ("smtp.gmail.com.attacker.test", False, (), False),
        ("anything.gmail.com", False, (), False),
    ],
)
def test_a_new_password_goes_to_known_hosts_only(
    host: str, known: bool, allowed: tuple[str, ...], probed: bool
) -> None:
    """Before anybody approved it, a pull request cannot send a password wherever it likes."""
    before = snapshot({SALES: entry(smtp__host="mail.attacker.test")} if known else {})
    planned = planning(sender(SUPPORT, smtp__host=host), before=before)
    request = ProbeRequest(changed=True, known_hosts=True, allowed=allowed)
    prober = FakeProber()
    report = run(planned, prober, request)

    assert bool(prober.probed) is probed
    if not probed:
        assert report.rows[0].result.kind is ProbeKind.SKIPPED
        assert report.rows[0].result.hint.startswith("--allow host-change:59/663")


def test_without_the_hold_a_new_host_is_probed() -> None:
    """`icesync probe`, and an apply that was approved, test what is new: that is their purpose."""
    prober = FakeProber()
    run(planning(sender(SUPPORT, smtp__host="mail.new.test")), prober, ProbeRequest(changed=True))

    assert len(prober.probed) == 1
