from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from fakes import FakeProvider

from icesync.diagnostics import Severity, SourcePosition
from icesync.engine.validate import Validation, check_files
from icesync.errors import ConfigInvalid
from icesync.model.desired import Address
from icesync.model.project import Api, Level, Login, Project
from icesync.model.secret import SecretRef

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

PROVIDERS = {name: FakeProvider(name) for name in ("env", "file")}
OWN = SecretRef("ref+env://ICE_OWN", "env", "ICE_OWN")

SERVERS = """\
version: 1
organization: 59
defaults: {status: Enabled, active: true, incoming: pop3, ssl: false, tls: true}
servers:
  - skill: 1
    smtp: {host: a.test, port: 25, username: u, password: SMTP, mailbox: m@a.test, poll_rate: 1}
    pop3: {host: a.test, port: 110, username: u, password: POP3, mailbox: m@a.test, poll_rate: 1}
"""


def _servers(smtp: str = "ref+env://ICE_A", pop3: str = "ref+env://ICE_B") -> str:
    return SERVERS.replace("SMTP", smtp).replace("POP3", pop3)


def _told(validation: Validation) -> list[str]:
    return [f"{d.position} {d.rule} {d.message}" for d in validation.diagnostics]


@pytest.fixture
def check(tmp_path: Path) -> Callable[..., Validation]:
    """Write server files and validate them, under a project of the given settings."""

    def check(texts: dict[str, str], *, strict: bool = False, **settings: object) -> Validation:
        for name, text in texts.items():
            (tmp_path / "servers").mkdir(exist_ok=True)
            (tmp_path / "servers" / name).write_text(text, encoding="utf-8")
        project = Project(str(tmp_path), "icesync.yaml", **{"api": Api("emulator"), **settings})
        return check_files(project, PROVIDERS, strict=strict)

    return check


def test_good_files_are_the_desired_state(check: Callable[..., Validation]) -> None:
    """Without errors the desired state may be used."""
    validation = check({"a.yaml": _servers()})

    assert (validation.diagnostics, validation.errors, validation.files) == (
        (),
        (),
        ("servers/a.yaml",),
    )
    assert list(validation.require().servers) == [Address(59, 1)]


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"a.yaml": "version: 2\norganization: 5"}, "1 error in the configuration"),
        ({"a.yaml": "version: 2", "b.yaml": "["}, "3 errors in the configuration"),
    ],
    ids=["one", "several"],
)
def test_errors_stop_the_run(
    check: Callable[..., Validation], files: dict[str, str], message: str
) -> None:
    """With errors there is no desired state; the exception carries all findings."""
    validation = check(files)

    with pytest.raises(ConfigInvalid) as caught:
        validation.require()

    assert caught.value.message == message
    assert caught.value.diagnostics == validation.diagnostics


def test_warnings_do_not_stop_the_run(check: Callable[..., Validation]) -> None:
    """A pattern that matches nothing beside one that does is a warning."""
    validation = check({"a.yaml": _servers()}, files=("servers/*.yaml", "more/*.yaml"))

    assert [d.severity for d in validation.diagnostics] == [Severity.WARNING]
    assert len(validation.require().servers) == 1


def test_strict_makes_errors_of_warnings(check: Callable[..., Validation]) -> None:
    """A pipeline that wants no doubts stops at the first."""
    validation = check({"a.yaml": _servers().replace("port: 25", "port: 588")}, strict=True)

    assert [d.rule for d in validation.errors] == ["ICE309"]
    with pytest.raises(ConfigInvalid, match="1 error"):
        validation.require()


def test_findings_are_told_where_something_changes(check: Callable[..., Validation]) -> None:
    """Those of other servers are counted; what is about no server is always told."""
    text = _servers().replace("port: 25", "port: 588")
    validation = check(
        {"a.yaml": text}, rules={"ICE602": Level.OFF}, files=("servers/*.yaml", "more/*.yaml")
    )

    assert [d.rule for d in validation.about({Address(59, 1)})] == ["ICE012", "ICE309"]
    assert [d.rule for d in validation.about(())] == ["ICE012"]
    assert (validation.elsewhere(()), validation.elsewhere({Address(59, 1)})) == (1, 0)


def test_a_waiver_in_the_configuration_counts(check: Callable[..., Validation]) -> None:
    """A pattern that may match nothing is excused where it stands."""
    files = ("servers/*.yaml", "more/*.yaml")
    place = SourcePosition("icesync.yaml", 2, 8)
    texts = {"../icesync.yaml": "version: 1\nfiles: []  # icesync: allow ICE012 not there yet\n"}
    validation = check({"a.yaml": _servers(), **texts}, files=files, positions={"files": place})

    assert validation.diagnostics == ()


def test_no_file_at_all_is_an_error(check: Callable[..., Validation]) -> None:
    """Nothing found is not "everything left the files"; the finding stands at `files:`."""
    place = SourcePosition("icesync.yaml", 4, 8)
    validation = check({}, positions={"files": place})

    assert [(d.rule, d.position) for d in validation.errors] == [("ICE001", place)]


def test_unreadable_file_is_reason_enough(check: Callable[..., Validation]) -> None:
    """Where a pattern was refused, the empty result needs no second error."""
    validation = check({}, files=("/etc/*.yaml",))

    assert [d.rule for d in validation.errors] == ["ICE008"]


@pytest.mark.parametrize(
    ("scheme", "hint"),
    [
        ("envv", "did you mean ref+env://?"),
        ("vault", "known: ref+env://, ref+file://"),
    ],
)
def test_unknown_provider_is_told(check: Callable[..., Validation], scheme: str, hint: str) -> None:
    """A reference to a provider that does not exist is found without any secret."""
    [finding] = check({"a.yaml": _servers(f"ref+{scheme}://A")}).diagnostics

    assert (finding.rule, str(finding.position)) == ("ICE409", "servers/a.yaml:6:59")
    assert finding.message == f"59/1: `smtp.password` names an unknown secret provider `{scheme}`"
    assert finding.hint == hint


@pytest.mark.parametrize(
    "settings",
    [
        {"api": Api("emulator", token=OWN)},
        {"api": Api("emulator", login=Login(59, "admin", OWN))},
        {"fingerprint_key": OWN},
    ],
    ids=["token", "login", "fingerprints"],
)
def test_own_credentials_are_no_mail_passwords(
    check: Callable[..., Validation], settings: dict[str, object]
) -> None:
    """A pull request cannot have icesync's own credentials sent to a mail server."""
    validation = check({"a.yaml": _servers(pop3=OWN.text)}, **settings)

    assert [(d.rule, str(d.position)) for d in validation.errors] == [
        ("ICE411", "servers/a.yaml:7:60")
    ]


def test_shared_reference_is_told_for_each_use(check: Callable[..., Validation]) -> None:
    """Two settings with one bad reference are two findings."""
    rules = [d.rule for d in check({"a.yaml": _servers(*["ref+op://A"] * 2)}).diagnostics]

    assert rules == ["ICE409", "ICE409"]


def test_findings_of_all_kinds_are_told_in_order(check: Callable[..., Validation]) -> None:
    """Unreadable, broken, incomplete and doubtful files are told in one run, sorted."""
    texts = {
        "d.yaml": _servers("ref+op://A").replace("tls: true", "spoofing: {}"),
        "c.yaml": "\u202e",
        "b.yaml": "version: 3\norganization: 5",
    }
    validation = check(texts, files=("servers/*.yaml", "../*.yaml"))

    assert [text.rpartition(" ICE")[0] for text in _told(validation)] == [
        "icesync.yaml:1:1",
        "servers/b.yaml:1:10",
        "servers/c.yaml:1:1",
        "servers/d.yaml:5:5",
        "servers/d.yaml:6:59",
    ]
