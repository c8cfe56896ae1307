"""
No secret in any byte that icesync produces.

Secrets of every awkward shape go through all commands, with everything that can
be said switched on, where all goes well and where it does not. Then stdout,
stderr, the log of every library and every file are searched, also for the usual
ways to spell a text differently. Only the files that secrets are read from may
hold them.
"""

from __future__ import annotations

import base64
import csv
import io
import json
import logging
import resource
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest
from canary import AWKWARD, DOCUMENTS, Search, all_logs, leaks, spellings
from hypothesis import given, settings
from hypothesis import strategies as st
from rig import Echo, FarEnd, Ice, Repository, Result, run_process, run_program

from icesync.bootstrap import SystemClock
from icesync.cli.console import Console
from icesync.emulator.service import Service
from icesync.emulator.storage import Storage
from icesync.model.report import Command
from icesync.render import kinds_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from icesync.emulator.aspnet import Request
    from icesync.wire.reply import Reply


class Journey:
    """
    One repository with a server for each of *secrets*, and all commands over it.

    Each secret is a password from a variable, a password from a file, and once
    the password of the login, or what stands where a token should.
    """

    def __init__(
        self, root: Path, secrets: Mapping[str, str], *, own_process: bool = False
    ) -> None:
        self.repository = Repository(root)
        self.secrets = secrets
        self.search = Search(root, secrets)
        self.run_one: Callable[..., Result] = run_process if own_process else run_program
        lines = ""
        for skill, secret in enumerate(secrets.values(), start=1):
            self.repository.environ[f"ICE_S{skill}"] = secret
            source = root / "secrets" / str(skill)
            source.parent.mkdir(exist_ok=True)
            source.write_bytes(f"{secret}\n".encode())
            self.search.sources.add(source)
            lines += SERVER.format(skill=skill)
        self.repository.servers([], lines)
        self.repository.replace("servers/59.yaml", "  []\n", "")

    def run(self, *arguments: str, **environ: str) -> Result:
        """Run one command, as talkative as it gets, and search all that came of it."""
        repository, when = self.repository, f"after {arguments[0]}"
        environ = {**repository.environ, **environ}
        with all_logs() as log:
            result = self.run_one([*arguments, "-vvv", "--debug"], repository.root, environ)
        self.search.look(f"stdout {when}", result.stdout.encode())
        self.search.look(f"stderr {when}", result.stderr.encode())
        self.search.look(f"the log {when}", log.getvalue().encode())
        self.search.look_at_files(when)
        return result

    def demand(self, code: int, *commands: str, **environ: str) -> None:
        """Run *commands* and demand that each ends with *code*."""
        for command in commands:
            result = self.run(*command.split(), **environ)
            assert result.code == code, (command, result)

    def forget(self) -> None:
        """Remove the state and its backup, as if nothing had been sent before."""
        for name in ("state.json", "state.json.backup"):
            (self.repository.root / name).unlink(missing_ok=True)

    def goes_well(self, archive: Storage) -> None:
        """Use every command where nothing is in the way."""
        service = Service(SystemClock(), archive)

        def answer(request: Request) -> Reply:
            self.search.look_at_files("during a call")
            return service.answer(request)

        with FarEnd(answer) as server:
            ice = Ice(server.url, archive)
            self.repository.calls(ice)
            for secret in self.secrets.values():
                self.repository.environ["ICE_PASSWORD"] = secret
                self.demand(0, "login")
            kept = self.repository.root / ".icesync" / "token"
            self.search.add("the token", kept.read_text().strip(), kept)
            self.repository.calls(ice, token=kept.read_text().strip())
            self.demand(0, *GOOD_DAY)
            summary = str(self.repository.root / "summary.md")
            runner = {"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": summary}
            self.demand(0, "plan", "apply -y --resend all", **runner)

    def goes_wrong(self, archive: Storage) -> None:
        """Meet an ICE that repeats what it hears, one that is not there, and bad credentials."""
        repository = self.repository
        for status, code in ((400, 7), (401, 4), (500, 7), (200, 7)):
            with FarEnd(Echo(archive, status).answer) as server:
                ice = Ice(server.url, archive)
                repository.calls(ice, token=ice.token())
                result = self.run("apply", "-y", "--settle", "0", *_kinds("apply").split())
                assert result.code in {code, 4}, result
                self.demand(0, "show --json", "plan")
            self.forget()
        nobody = Ice("http://127.0.0.1:1/ICEAPI", archive)
        repository.calls(nobody, token=ice.token())
        self.demand(10, "apply -y")
        self.forget()
        self.bad_credentials(archive)

    def bad_credentials(self, archive: Storage) -> None:
        """Be refused with every secret, as a password, as a token and as a key."""
        repository = self.repository
        with FarEnd(Service(SystemClock(), archive, users={"robot": "other"}).answer) as server:
            ice = Ice(server.url, archive)
            repository.calls(ice)
            for secret in self.secrets.values():
                repository.environ["ICE_PASSWORD"] = secret
                self.demand(4, "login")
            self.demand(3, "apply -y")  # a mail password is the login's own: ICE411
            repository.calls(ice, token="")
            for secret in self.secrets.values():
                self.demand(4, "token", ICE_TOKEN=secret)
            self.demand(3, "apply -y", "check", ICE_TOKEN=secret)
            repository.replace("icesync.yaml", "ref+file://key", "ref+env://ICE_KEY")
            self.demand(3, "apply -y", "plan --secrets require", ICE_KEY=secret)


SERVER: Final = """\
  - skill: {skill}
    smtp: {{password: ref+env://ICE_S{skill}}}
    imap: {{password: ref+file://secrets/{skill}}}
"""


def _kinds(command: str) -> str:
    """Return the flags that write every kind of report that *command* can."""
    kinds = kinds_for(Command(command))
    return " ".join(f"--report {kind}={command}.{kind}" for kind in kinds)


IMPORTED: Final = {
    "OrgId": 70, "Status": "Enabled", "IsImap": True, "IsSSL": False, "IsTLS": True,
    "SMTPServerAddress": "a", "SMTPPort": "587", "SMTPUserName": "u", "SMTPMailbox": "m@a.example",
    "SMTPPollrate": "10", "ImapServerAddress": "a", "ImapPort": "993", "ImapUserName": "u",
    "ImapMailbox": "m@a.example", "ImapPollrate": "10",
}  # fmt: skip

GOOD_DAY: Final = (
    "token", "validate", "plan", "plan --json", "plan -o plan.json", "show plan.json",
    "show plan.json --json", "apply -y", "check", "show", "show --json", "state list",
    "state show 59/1", "state show 59/1 --json", "plan --secrets skip",
    "apply -y --json --resend all", "plan --format markdown", f"check {_kinds('check')}",
    f"validate {_kinds('validate')}", f"plan {_kinds('plan')}",
    f"apply -y --resend all {_kinds('apply')}", "explain 59/1", "explain 59/1 smtp.password",
    "explain 59/1 --json", "state mv 59/1 59/900", "state rm 59/900",
)  # fmt: skip


@contextmanager
def new_world() -> Iterator[tuple[Path, Storage]]:
    """A fresh folder and a fresh ICE; every example needs its own."""
    archive = Storage()
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder).resolve() / "repository", archive
    archive.close()


TEXTS = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0\n\r"), max_size=30
).filter(lambda text: len(text.splitlines()) <= 1)

SECRETS = st.builds(
    lambda before, number, behind: f"{before}{number:016x}{behind}",
    TEXTS,
    st.integers(2**62, 2**64 - 1),
    TEXTS,
)
"""Any text around a number that stands nowhere by chance: Hypothesis likes words of our source."""


pytestmark = pytest.mark.usefixtures("hurried")


def test_awkward_secrets_where_all_goes_well() -> None:
    """Every command keeps every awkward secret to itself."""
    with new_world() as (root, archive):
        Journey(root, AWKWARD).goes_well(archive)


def test_awkward_secrets_where_things_go_wrong() -> None:
    """Every failure keeps every awkward secret to itself."""
    with new_world() as (root, archive):
        Journey(root, AWKWARD).goes_wrong(archive)


def test_documents_instead_of_secrets() -> None:
    """They are refused wherever one secret is needed, and nothing of them is told."""
    with new_world() as (root, archive):
        journey = Journey(root, DOCUMENTS)
        ice = Ice("http://127.0.0.1:1/ICEAPI", archive)
        journey.repository.calls(ice)
        for text in DOCUMENTS.values():
            journey.demand(3, "login", ICE_PASSWORD=text)
        journey.repository.calls(ice, token=ice.token())
        journey.demand(0, "validate", "plan --secrets skip")
        journey.demand(3, "plan", "apply -y", "check", "secrets check", "plan --probe")
        journey.demand(3, "token", "apply -y", ICE_TOKEN=DOCUMENTS["json"])


@pytest.mark.parametrize("form", ["json", "csv"])
def test_awkward_secrets_that_are_imported(form: str) -> None:
    """They are in the file that was asked for, and nowhere else; what fails says none either."""
    rows = [
        {**IMPORTED, "SkillId": skill, "SMTPPassword": secret}
        for skill, secret in enumerate(AWKWARD.values(), start=1)
    ]
    table = io.StringIO()
    writer = csv.DictWriter(table, IMPORTED | dict.fromkeys(("SkillId", "SMTPPassword")))
    writer.writeheader()
    writer.writerows(rows)
    good = json.dumps(rows) if form == "json" else table.getvalue()
    with new_world() as (root, _):
        journey = Journey(root, AWKWARD)
        bad = [good.rpartition(",")[0], good.replace('587"', 'x"').replace("587,", "x,"), good * 2]
        for name, text in [("good", good), *((f"bad{n}", text) for n, text in enumerate(bad))]:
            journey.search.sources.add(journey.repository.write(name, text))
            if name != "good":
                journey.demand(3, f"import {name} --assume-in-sync", f"import {name}")
        journey.demand(64, "import good --as-is")
        journey.demand(0, "import good --dry-run --as-is")
        kept = root / "kept"
        journey.search.sources.add(kept)
        journey.demand(
            0, "import good --as-is --secrets env:kept --assume-in-sync", "state list --json"
        )
        done = subprocess.run(
            ["sh", "-c", '. "$1"; printf %s "$ICE_70_1_SMTP_PASSWORD"', "sh", str(kept)],
            capture_output=True, text=True, check=True,
        )  # fmt: skip

    assert done.stdout == AWKWARD["plain"]


@settings(max_examples=3)
@given(st.lists(SECRETS, min_size=1, max_size=20))
def test_any_secret(texts: list[str]) -> None:
    """There is no text that finds a way out."""
    with new_world() as (root, archive):
        journey = Journey(root, {f"secret {n}": text for n, text in enumerate(texts)})
        journey.goes_well(archive)
        journey.forget()
        journey.goes_wrong(archive)


def test_in_its_own_process() -> None:
    """The end of the process adds nothing: no traceback, no log, no leftover."""
    with new_world() as (root, archive):
        one = {"escape": AWKWARD["escape"]}
        Journey(root, one, own_process=True).bad_credentials(archive)


def test_own_process_that_is_answered_with_an_echo() -> None:
    """What ICE says is not repeated, not even by the log of a library."""
    with new_world() as (root, archive), FarEnd(Echo(archive, 400).answer) as server:
        journey = Journey(root, AWKWARD, own_process=True)
        ice = Ice(server.url, archive)
        journey.repository.calls(ice, token=ice.token())

        journey.demand(4, "apply -y")


def test_no_image_of_the_memory_is_left() -> None:
    """A crash of the interpreter itself writes no core file, whatever the shell allows."""
    core = (resource.RLIMIT_CORE, resource.getrlimit(resource.RLIMIT_CORE)[1])
    code = (
        "import resource, sys, icesync.__main__ as program\n"
        "sys.argv = ['icesync', '--help']\n"
        "try: program.main()\n"
        "except SystemExit: print(resource.getrlimit(resource.RLIMIT_CORE)[0])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        check=True, capture_output=True, text=True,
        preexec_fn=lambda: resource.setrlimit(core[0], (core[1], core[1])),
    )  # fmt: skip

    assert done.stdout.splitlines()[-1] == "0"


@pytest.mark.parametrize("secret", ["x", "7", "ü", '"', "\n", " ", "%"])
def test_secret_of_one_character(secret: str) -> None:
    """A secret too short to search for works like any other."""
    with new_world() as (root, _):
        repository = Repository(root)
        repository.environ["ICE_SMTP"] = secret

        assert repository.run("apply", "-y").code == 0


@pytest.mark.parametrize("flags", [(), ("--debug", "-vvv")], ids=["usual", "debug"])
def test_bug_that_quotes_a_secret(
    repository: Repository, monkeypatch: pytest.MonkeyPatch, flags: tuple[str, ...]
) -> None:
    """Even an unforeseen error whose text is a secret does not show it."""
    secret = repository.environ["ICE_SMTP"]

    def fail(*_: object, **__: object) -> None:
        error = ValueError(secret)
        error.add_note(secret)
        raise error from KeyError(secret)

    monkeypatch.setattr("icesync.engine.plan.make_plan", fail)
    result = run_program(["plan", *flags], repository.root, repository.environ)

    assert result.code == 1
    assert leaks(secret, (result.stdout + result.stderr).encode()) == []


def test_literal_secret_in_a_file(repository: Repository) -> None:
    """A password that was written into a file is refused without being repeated."""
    secret = "hunter2 hunter3"
    repository.replace("servers/59.yaml", "ref+env://ICE_SMTP", f"'{secret}'")
    shown = "".join(
        result.stdout + result.stderr
        for command in ("validate", "validate --json", "plan", "apply -y", "check")
        for result in [repository.run(*command.split(), "-vvv", "--debug")]
    )

    assert leaks(secret, shown.encode()) == []


def test_mangled_secret_file(repository: Repository) -> None:
    """A file of secrets that cannot be read is named, and not quoted."""
    secret = "mangled secret 5512"
    repository.replace("servers/59.yaml", "ref+env://ICE_SMTP", "ref+file://secrets.yaml#/smtp")
    repository.write("secrets.yaml", f"smtp: [{secret}\nsmtp: {secret}\n")
    result = repository.run("apply", "-y", "-vvv", "--debug")

    assert result.code == 3
    assert leaks(secret, (result.stdout + result.stderr).encode()) == []


@pytest.mark.parametrize("kind", AWKWARD)
def test_control_every_spelling_is_found(kind: str) -> None:
    """The search finds each spelling: it would otherwise find nothing, for ever."""
    secret = AWKWARD[kind]
    missed = [
        name
        for name, text in spellings(secret).items()
        if name not in leaks(secret, f"some words {text} and more".encode())
    ]

    assert missed == []


@pytest.mark.parametrize("shift", range(6))
def test_control_base64_is_found_anywhere(shift: int) -> None:
    """A secret inside of a longer text in base64 is found, wherever it starts."""
    secret = AWKWARD["plain"]
    hidden = base64.b64encode(b"x" * shift + secret.encode() + b" and more")

    assert any(name.startswith("base64") for name in leaks(secret, hidden))


def test_control_a_word_too_many_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """A journey fails when a command says a secret."""

    def blab(console: Console, _: str) -> None:
        console.complain(f"by the way: {AWKWARD['plain']}\n")

    monkeypatch.setattr(Console, "talk", blab)

    with new_world() as (root, archive), pytest.raises(pytest.fail.Exception, match="leaks into"):
        Journey(root, {"plain": AWKWARD["plain"]}).goes_well(archive)


def test_control_a_file_too_many_is_found(repository: Repository) -> None:
    """A journey fails when a file holds a secret."""
    search = Search(repository.root, {"the secret": AWKWARD["plain"]})
    repository.write(".icesync/debug.log", f"x{AWKWARD['plain']}y")

    with pytest.raises(pytest.fail.Exception, match=r"leaks into debug\.log"):
        search.look_at_files("now")


def test_control_a_log_is_found() -> None:
    """The log of a library is searched, although nobody shows it."""
    with all_logs() as log:
        logging.getLogger("httpcore").debug("send %r", AWKWARD["plain"])

    assert leaks(AWKWARD["plain"], log.getvalue().encode()) != []
