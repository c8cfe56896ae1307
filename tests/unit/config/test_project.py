from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from icesync.config.project import read_project
from icesync.config.yaml_document import SourceFile
from icesync.diagnostics import Diagnostic, SourcePosition
from icesync.errors import ConfigInvalid
from icesync.model.project import (
    EMULATOR,
    VENDOR_BASE_URL,
    Absent,
    Api,
    Guard,
    Level,
    Limit,
    LimitName,
    Login,
    OrgKey,
    Project,
    SecretScope,
    StateSettings,
    WireOptions,
)
from icesync.model.safety import loosened
from icesync.model.secret import SecretRef

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

FULL = """\
version: 1
api:
  base_url: https://ice.example.org/ICEAPI/
  token: ref+env://ICE_TOKEN
  login: {organization: 59, username: 0012, password: ref+file:///run/secrets/ice}
  timeout_s: 2.5
  rate_per_s: 100
  concurrency: 8
  proxy: http://proxy:3128
  ca_file: /etc/ssl/ca.pem
  wire: {org_key: OrgId, absent: omit}
files: ["servers/*.yaml", more.yaml]
state: {backend: local, path: state/ice.json}
fingerprints: {key: ref+env://ICESYNC_FINGERPRINT_KEY}
limits: {updates: [30%, 10], disables: 2, adds: "5%"}
guards: [tls-off]
secrets: {env_allow: ["MAIL_*"], file_allow: [/run/secrets/**]}
"""


@pytest.fixture
def read(tmp_path: Path) -> Callable[..., Project]:
    """Write a configuration and read it."""

    def read(text: str | bytes, *allowed: str) -> Project:
        config = tmp_path / "icesync.yaml"
        config.write_bytes(text if isinstance(text, bytes) else text.encode())
        return read_project(config, {"ICESYNC_ALLOW_HOST": " ".join(allowed)})

    return read


@pytest.fixture
def refuse(read: Callable[..., Project]) -> Callable[..., list[Diagnostic]]:
    """Write a configuration and return why it is refused."""

    def refuse(text: str | bytes, *allowed: str) -> list[Diagnostic]:
        with pytest.raises(ConfigInvalid) as caught:
            read(text, *allowed)
        return [d for d in caught.value.diagnostics if isinstance(d, Diagnostic)]

    return refuse


def test_every_field_is_read(read: Callable[..., Project], tmp_path: Path) -> None:
    """All that a configuration can say arrives typed."""
    project = read(FULL, "ice.example.org", "proxy")

    assert project == Project(
        root=str(tmp_path),
        config_file="icesync.yaml",
        api=Api(
            base_url="https://ice.example.org/ICEAPI",
            token=SecretRef("ref+env://ICE_TOKEN", "env", "ICE_TOKEN"),
            login=Login(
                59, "0012", SecretRef("ref+file:///run/secrets/ice", "file", "/run/secrets/ice")
            ),
            timeout_s=2.5,
            rate_per_s=100.0,
            concurrency=8,
            proxy="http://proxy:3128",
            ca_file="/etc/ssl/ca.pem",
            wire=WireOptions(OrgKey.ORG_ID, Absent.OMIT),
        ),
        files=("servers/*.yaml", "more.yaml"),
        state=StateSettings(path="state/ice.json"),
        fingerprint_key=SecretRef(
            "ref+env://ICESYNC_FINGERPRINT_KEY", "env", "ICESYNC_FINGERPRINT_KEY"
        ),
        limits={
            LimitName.UPDATES: Limit(10, 0.3),
            LimitName.DISABLES: Limit(2),
            LimitName.ADDS: Limit(share=0.05),
            LimitName.FORGETS: Limit(1),
        },
        guards=frozenset({Guard.TLS_OFF}),
        secrets=SecretScope(("MAIL_*",), ("/run/secrets/**",)),
        positions=project.positions,
        safety=project.safety,
    )


def test_version_alone_gives_the_defaults(read: Callable[..., Project], tmp_path: Path) -> None:
    """What is not written has the value that the documents promise."""
    project = read("version: 1")

    assert project == Project(
        str(tmp_path), "icesync.yaml", positions=project.positions, safety=project.safety
    )


def test_settings_have_places(read: Callable[..., Project]) -> None:
    """Later messages can point at a setting, or at its nearest parent."""
    positions = read("version: 1\napi:\n  token: ref+env://ICE_A\nfiles: [a.yaml]").positions

    assert positions["api.token"] == SourcePosition("icesync.yaml", 3, 10)
    assert positions["files"] == SourcePosition("icesync.yaml", 4, 8)
    assert positions["api.base_url"] == SourcePosition("icesync.yaml", 3, 3)
    assert positions["state.path"] == SourcePosition("icesync.yaml", 1, 1)


@pytest.mark.parametrize(
    ("written", "limit"),
    [
        ("30%", Limit(share=0.3)),
        ("100%", Limit(share=1.0)),
        ("0%", Limit(share=0.0)),
        ("5", Limit(5)),
        ("0", Limit(0)),
        ("'5'", Limit(5)),
        ("[30%, 10]", Limit(10, 0.3)),
        ("[10, 20, 5%, 7%]", Limit(10, 0.05)),
        ("['10%']", Limit(share=0.1)),
    ],
)
def test_limit_is_a_count_a_share_or_both(
    read: Callable[..., Project], written: str, limit: Limit
) -> None:
    """Of several counts or shares the stricter wins; the other limits keep their defaults."""
    limits = read(f"version: 1\nlimits: {{updates: {written}}}").limits

    assert limits == {**Project("", "").limits, LimitName.UPDATES: limit}


@pytest.mark.parametrize(
    ("written", "guards"),
    [("[]", set()), ("[tls-off, spoofing-on]", {Guard.TLS_OFF, Guard.SPOOFING_ON})],
    ids=["none", "two"],
)
def test_guards_are_those_listed(
    read: Callable[..., Project], written: str, guards: set[Guard]
) -> None:
    """A list of guards replaces the default, and may be empty."""
    assert read(f"version: 1\nguards: {written}").guards == guards


@pytest.mark.parametrize(
    ("written", "levels"),
    [
        ("{}", {}),
        ("{ICE304: off}", {"ICE304": Level.OFF}),
        ("{ICE206: error, ICE304: 'info'}", {"ICE206": Level.ERROR, "ICE304": Level.INFO}),
        ("{ICE101: error}", {"ICE101": Level.ERROR}),
    ],
)
def test_what_rules_weigh(
    read: Callable[..., Project], written: str, levels: dict[str, Level]
) -> None:
    """A rule is off, or weighs what is written; what cannot be lowered may be named."""
    assert read(f"version: 1\nrules: {written}\n").rules == levels


@pytest.mark.parametrize(
    ("url", "live"),
    [
        (VENDOR_BASE_URL, True),
        (EMULATOR, False),
        ("http://127.0.0.1:8591/ICEAPI", False),
        ("http://localhost:1", False),
        ("https://ice.example.test/ICEAPI", False),
        ("https://ice.attestor.com", True),
    ],
)
def test_where_the_service_is_real(url: str, *, live: bool) -> None:
    """Loopback and the names of RFC 2606 are for trying."""
    assert Api(url).live is live


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(
            "{version: 1, rules: {ICE101: off}}", ["1:30 ICE208"], id="a rule that cannot be off"
        ),
        pytest.param("{version: 1, rules: {ICE33: off}}", ["1:22 ICE105"], id="an unknown rule"),
        pytest.param(
            "{version: 1, rules: {ICE304: loud}}", ["1:30 ICE208"], id="an unknown weight"
        ),
        pytest.param("[1]", ["1:1 ICE010"], id="a list"),
        pytest.param("text", ["1:1 ICE010"], id="a text"),
        pytest.param("api: {}", ["1:1 ICE107"], id="no version"),
        pytest.param("version: 2", ["1:10 ICE011"], id="version 2"),
        pytest.param("version: '1'", ["1:10 ICE011"], id="quoted version"),
        pytest.param("version: 1\nfile: []", ["2:1 ICE105"], id="unknown key"),
        pytest.param("version: 1\napi: {url: a}", ["2:7 ICE105"], id="unknown key below"),
        pytest.param("version: 1\nversion: 1", ["2:1 ICE106"], id="key twice"),
        pytest.param("version: 1\napi:", ["2:5 ICE010"], id="empty api"),
        pytest.param("version: 1\napi: {base_url: ftp://a}", ["2:17 ICE013"], id="ftp"),
        pytest.param("version: 1\napi: {base_url: 'https://u@a'}", ["2:17 ICE013"], id="user"),
        pytest.param("version: 1\napi: {base_url: 'https://a?b'}", ["2:17 ICE013"], id="query"),
        pytest.param("version: 1\napi: {base_url: ~}", ["2:17 ICE013"], id="no address"),
        pytest.param("version: 1\napi: {base_url: [a]}", ["2:17 ICE010"], id="addresses"),
        pytest.param("version: 1\napi: {token: hunter2}", ["2:14 ICE401"], id="literal token"),
        pytest.param("version: 1\napi: {token: ref+env}", ["2:14 ICE410"], id="bad reference"),
        pytest.param("version: 1\napi: {token: ''}", ["2:14 ICE401"], id="empty token"),
        pytest.param("version: 1\napi: {token: }", ["2:14 ICE109"], id="no token"),
        pytest.param("version: 1\napi: {login: 5}", ["2:14 ICE010"], id="login"),
        pytest.param(
            "version: 1\napi: {login: {organization: 5}}", ["2:14 ICE107", "2:14 ICE107"], id="part"
        ),
        pytest.param(
            "version: 1\napi: {login: {organization: 5, username: a, password: hunter2}}",
            ["2:55 ICE401"],
            id="literal login",
        ),
        pytest.param(
            "version: 1\napi: {login: {organization: 0, username: '', password: ref+a://b}}",
            ["2:29 ICE013", "2:42 ICE013"],
            id="login of nobody",
        ),
        pytest.param("version: 1\napi: {timeout_s: 0}", ["2:18 ICE013"], id="no time"),
        pytest.param("version: 1\napi: {timeout_s: 601}", ["2:18 ICE013"], id="much time"),
        pytest.param("version: 1\napi: {timeout_s: 1e1}", ["2:18 ICE013"], id="float"),
        pytest.param("version: 1\napi: {timeout_s: '5'}", ["2:18 ICE013"], id="quoted time"),
        pytest.param("version: 1\napi: {timeout_s: 1:30}", ["2:18 ICE013"], id="base 60"),
        pytest.param("version: 1\napi: {rate_per_s: 0}", ["2:19 ICE013"], id="rate"),
        pytest.param("version: 1\napi: {concurrency: 0}", ["2:20 ICE013"], id="nobody works"),
        pytest.param("version: 1\napi: {concurrency: 65}", ["2:20 ICE013"], id="crowd"),
        pytest.param("version: 1\napi: {concurrency: 4.0}", ["2:20 ICE013"], id="4.0"),
        pytest.param("version: 1\napi: {wire: {org_key: Org}}", ["2:23 ICE208"], id="org key"),
        pytest.param("version: 1\napi: {wire: {absent: drop}}", ["2:22 ICE208"], id="absent"),
        pytest.param("version: 1\napi: {proxy: }", ["2:14 ICE013"], id="no proxy"),
        pytest.param("version: 1\nfingerprints: {key: ~}", ["2:21 ICE109"], id="null key"),
        pytest.param("version: 1\nfiles: a.yaml", ["2:8 ICE010"], id="files"),
        pytest.param("version: 1\nfiles: ['']", ["2:9 ICE013"], id="empty pattern"),
        pytest.param("version: 1\nfiles: [[a]]", ["2:9 ICE010"], id="nested patterns"),
        pytest.param("version: 1\nstate: {backend: s3}", ["2:18 ICE208"], id="backend"),
        pytest.param("version: 1\nstate: {path: ''}", ["2:15 ICE013"], id="state path"),
        pytest.param("version: 1\nfingerprints: {}", ["2:15 ICE107"], id="no key"),
        pytest.param("version: 1\nfingerprints: {key: hunter2}", ["2:21 ICE401"], id="literal key"),
        pytest.param("version: 1\nlimits: {updates: 30 %}", ["2:19 ICE013"], id="blank"),
        pytest.param("version: 1\nlimits: {updates: -1}", ["2:19 ICE013"], id="negative"),
        pytest.param("version: 1\nlimits: {updates: [-0]}", ["2:19 ICE013"], id="minus zero"),
        pytest.param("version: 1\nlimits: {updates: []}", ["2:19 ICE013"], id="empty list"),
        pytest.param("version: 1\nlimits: {updates: {a: 1}}", ["2:19 ICE013"], id="mapping"),
        pytest.param("version: 1\nlimits: {deletes: 1}", ["2:10 ICE105"], id="unknown limit"),
        pytest.param("version: 1\nguards: [tls]", ["2:10 ICE208"], id="unknown guard"),
        pytest.param("version: 1\nguards: tls-off", ["2:9 ICE010"], id="guard"),
        pytest.param("version: 1\nsecrets: {env_deny: []}", ["2:11 ICE105"], id="scope"),
        pytest.param("version: 1\nsecrets: {env_allow: A}", ["2:22 ICE010"], id="scope text"),
        pytest.param("version: [\n", ["1:10 ICE006"], id="broken"),
        pytest.param("", ["1:1 ICE007"], id="empty"),
        pytest.param(b"version: \xff", ["1:10 ICE002"], id="not UTF-8"),
    ],
)
def test_odd_configuration_is_explained(
    refuse: Callable[..., list[Diagnostic]], text: str | bytes, expected: list[str]
) -> None:
    """Each refusal has rule and place."""
    findings = refuse(text)

    assert [f"{d.position} {d.rule}".removeprefix("icesync.yaml:") for d in findings] == expected


def test_all_findings_are_told(refuse: Callable[..., list[Diagnostic]]) -> None:
    """A configuration with several faults is explained in one run, in reading order."""
    findings = refuse("version: 1\nguards: [x]\napi: {token: y}\nfils: []")

    assert [d.rule for d in findings] == ["ICE208", "ICE401", "ICE105"]


@pytest.mark.parametrize(
    "url",
    [
        VENDOR_BASE_URL,
        "https://WWW.ENTERICE.COM/ICEAPI",
        EMULATOR,
        "http://localhost:8080",
        "http://127.0.0.1/ICEAPI",
        "http://127.8.9.1:1",
        "http://[::1]:9000",
        "https://ice.test/api",
    ],
)
def test_calls_may_go_to_permitted_hosts(read: Callable[..., Project], url: str) -> None:
    """The vendor, loopback, the emulator and what the operator permits may get the token."""
    project = read(f"version: 1\napi: {{base_url: '{url}'}}", "ice.test")

    assert project.api.base_url == url
    assert project.api.emulated is (url == EMULATOR)


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("https://ice.example.org", "would send the token and three passwords to ice.example.org"),
        ("https://enterice.com", "three passwords to enterice.com, but this job does not"),
        ("https://www.enterice.com.evil.org", "to www.enterice.com.evil.org, but this job"),
        ("https://127.0.0.1.evil.org", "to 127.0.0.1.evil.org, but this job"),
        ("https://10.0.0.1", "to 10.0.0.1, but this job"),
        ("http://www.enterice.com/ICEAPI", "`api.base_url` must be https"),
        ("http://ice.test", "`api.base_url` must be https"),
        ("http://10.0.0.1", "`api.base_url` must be https"),
        ("https://[::1", "`api.base_url` is not a valid URL"),
        ("https://localhost:99999", "`api.base_url` is not a valid URL"),
        ("https:///ICEAPI", "`api.base_url` is not a valid URL"),
        ("https://www.enterice.com\u3002evil.org", "`api.base_url` is not a valid URL"),
    ],
)
def test_calls_may_not_go_elsewhere(
    refuse: Callable[..., list[Diagnostic]], url: str, message: str
) -> None:
    """A repository cannot send the token to a host of its own choice, nor in clear text."""
    [finding] = refuse(f"version: 1\napi:\n  base_url: '{url}'", "ice.test")

    assert (finding.rule, str(finding.position)) == ("ICE013", "icesync.yaml:3:13")
    assert message in finding.message


def test_hint_says_how_to_permit_a_host(refuse: Callable[..., list[Diagnostic]]) -> None:
    """Only the operator's environment can permit a foreign host."""
    [finding] = refuse("version: 1\napi: {base_url: https://ice.test}")

    assert finding.hint == "ICESYNC_ALLOW_HOST=ice.test in the job's environment allows it"


def test_literal_token_is_never_quoted(refuse: Callable[..., list[Diagnostic]]) -> None:
    """A token that was pasted into the file does not reach a message."""
    found = refuse("version: 1\napi: {token: hunter2, login: {password: [hunter2]}}")

    assert "hunter2" not in str(found)


def test_configuration_may_be_a_link_inside(tmp_path: Path) -> None:
    """The folder of the link is the root, whatever the link's target is called."""
    (tmp_path / "prod.yaml").write_text("version: 1", encoding="utf-8")
    (tmp_path / "icesync.yaml").symlink_to("prod.yaml")

    project = read_project(tmp_path / "icesync.yaml")

    assert (project.root, project.config_file) == (str(tmp_path), "icesync.yaml")


def test_missing_configuration_is_a_finding(tmp_path: Path) -> None:
    """A file that cannot be read is told like any other."""
    with pytest.raises(ConfigInvalid) as caught:
        read_project(tmp_path / "other.yaml")

    [finding] = caught.value.diagnostics
    assert isinstance(finding, Diagnostic)
    assert (finding.rule, finding.message) == ("ICE001", "the file does not exist")


def test_disagreement_with_the_schema_is_still_refused(
    refuse: Callable[..., list[Diagnostic]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the quick reading refuses never passes, even if jsonschema found nothing."""
    monkeypatch.setattr("icesync.config.schema.check_schema", lambda _document, _name: ())
    [finding] = refuse("version: 3")

    assert finding.message == "the file has errors"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("api: {proxy: http://proxy.test}", "`api.proxy` would send every call to ICE to proxy"),
        ("api: {proxy: socks5://127.0.0.1}", "`api.proxy` is not a valid URL"),
        ("api: {proxy: http://u:p@127.0.0.1}", "`api.proxy` is not a valid URL"),
        (
            "api: {proxy: http://127.0.0.1:1, base_url: http://127.0.0.1:2}",
            "`api.base_url` must be https, or the proxy could read",
        ),
        ("api: {ca_file: ca.pem}", "`api.ca_file` is in the repository"),
        ("api: {ca_file: /proc/self/cwd/ca.pem}", "`api.ca_file` is in the repository"),
        ("state: {path: ../x.json}", "`state.path` is outside the repository"),
        ("state: {path: /tmp/x.json}", "`state.path` is outside the repository"),
        ("state: {path: out/x.json}", "`state.path` is outside the repository"),
        ("state: {path: .git/config}", "`state.path` is inside .git"),
        (
            "state: {backend: http, address: 'https://s.test', lock_address: 'https://evil.test'}",
            "`state.lock_address` would send the state and its credential to evil.test",
        ),
    ],
)
def test_repository_decides_no_destination(
    refuse: Callable[..., list[Diagnostic]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    text: str,
    told: str,
) -> None:
    """Proxy, authority, state and its locks are the job's to name; links are followed."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "out").symlink_to("/var")

    [finding] = refuse(f"version: 1\n{text}", "s.test")

    assert told in finding.message
    assert finding.position.line == 2


def test_job_names_what_the_repository_may_not(tmp_path: Path) -> None:
    """A variable of the job stands in for the option, and is believed."""
    (tmp_path / "icesync.yaml").write_text("version: 1\napi: {proxy: http://a.test, ca_file: c}\n")
    said = {
        "ICESYNC_PROXY": "http://proxy.test:3128",
        "ICESYNC_CA_FILE": str(tmp_path / "ca.pem"),
        "ICESYNC_STATE_PATH": "/var/lib/icesync/state.json",
    }

    project = read_project(tmp_path / "icesync.yaml", said)

    assert [project.api.proxy, project.api.ca_file, project.state.path] == list(said.values())


@pytest.mark.parametrize(
    ("name", "value"),
    [("ICESYNC_ALLOW_HOST", "https://a.test"), ("ICESYNC_PROXY", "proxy")],
)
def test_malformed_word_of_the_job_is_refused(tmp_path: Path, name: str, value: str) -> None:
    """A slip in the job's own variables is said, and opens nothing."""
    (tmp_path / "icesync.yaml").write_text("version: 1\n")

    with pytest.raises(ConfigInvalid) as caught:
        read_project(tmp_path / "icesync.yaml", {name: value})

    assert name in str(caught.value)


LOOSE = """\
version: 1
api: {proxy: http://127.0.0.1:1, timeout_s: 7}
guards: []
rules: {ICE304: off}
secrets: {env_allow: ["*"]}
"""


def test_trusted_configuration_gives_the_safeguards(tmp_path: Path) -> None:
    """Guards, proxy and allow-lists are those of the trusted file, all else that of the file."""
    config = tmp_path / "icesync.yaml"
    config.write_text(LOOSE)
    trusted = SourceFile("main:icesync.yaml", b"version: 1\nguards: [tls-off]\n")

    project = read_project(config, {}, trusted)

    assert project.api == Api(timeout_s=7.0)
    assert project.guards == {Guard.TLS_OFF}
    assert project.rules == {}
    assert project.secrets == SecretScope()


def test_safety_profile_is_that_of_the_file_itself(tmp_path: Path) -> None:
    """What a pull request loosens is known, though something else holds meanwhile."""
    config = tmp_path / "icesync.yaml"
    config.write_text("version: 1\n")
    before = read_project(config).safety
    config.write_text(LOOSE)
    after = read_project(config, {}, SourceFile("t", b"version: 1\n")).safety

    assert before is not None
    assert after is not None
    assert [d.sentence for d in loosened(before, after)] == [
        "`api.proxy` changes from nothing to http://127.0.0.1:1",
        "`guards` no longer has disabled",
        "`guards` no longer has host-change",
        "`guards` no longer has spoofing-on",
        "`guards` no longer has tls-off",
        "`rules` lowers ICE304 to off",
        "`secrets.env_allow` now allows *",
    ]


def test_trusted_configuration_must_be_valid(tmp_path: Path) -> None:
    """What cannot be read cannot be trusted."""
    (tmp_path / "icesync.yaml").write_text("version: 1\n")

    with pytest.raises(ConfigInvalid, match=r"main:icesync\.yaml is invalid"):
        read_project(tmp_path / "icesync.yaml", {}, SourceFile("main:icesync.yaml", b"version: 2"))


@pytest.mark.parametrize(
    ("environ", "file", "expected"),
    [
        ({"ICESYNC_FINGERPRINT_KEY": "k"}, True, "ref+env://ICESYNC_FINGERPRINT_KEY"),
        ({}, True, "ref+file://.icesync/fingerprint.key"),
        ({}, False, None),
    ],
    ids=["variable", "file", "neither"],
)
def test_the_fingerprint_key_has_one_usual_place(
    tmp_path: Path, environ: dict[str, str], file: bool, expected: str | None
) -> None:
    """Without the option the key is the job's variable, else the file that ``init`` writes."""
    config = tmp_path / "icesync.yaml"
    config.write_text("version: 1\napi: {base_url: emulator}\n")
    if file:
        (tmp_path / ".icesync").mkdir()
        (tmp_path / ".icesync" / "fingerprint.key").write_text("k")

    key = read_project(config, environ).fingerprint_key

    assert (key and key.text) == expected


def test_no_other_key_is_accepted_where_the_job_gives_one(tmp_path: Path) -> None:
    """Whoever may name another key can sign a forged state."""
    config = tmp_path / "icesync.yaml"
    config.write_text("version: 1\nfingerprints: {key: ref+sops://k.enc.yaml#/key}\n")
    job = {"ICESYNC_FINGERPRINT_KEY": "k"}

    with pytest.raises(ConfigInvalid) as caught:
        read_project(config, job)

    [finding] = caught.value.diagnostics
    assert (finding.rule, finding.position.line) == ("ICE013", 2)
    assert "ICESYNC_FINGERPRINT_KEY" in finding.message
    assert read_project(config, {}).fingerprint_key is not None
