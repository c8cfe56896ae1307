"""Refused by a limit, by nobody's yes, by the command line, or by ICE: 9, 64, 10 and 7."""

from __future__ import annotations

from typing import IO, TYPE_CHECKING

import pytest
from rig import Echo, FarEnd, Ice, Picky, Repository, assert_refused

from icesync.emulator.aspnet import invalid
from icesync.wire.reply import Reply

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable

    from icesync.emulator.storage import Storage

ASKED = "Only `yes` is accepted"


def say(text: str) -> Callable[[subprocess.Popen[str], IO[bytes]], None]:
    """Return a person who answers *text*."""
    return lambda _, screen: screen.write(f"{text}\n".encode())


def test_nobody_to_ask(repository: Repository, ice: Ice) -> None:
    """Without a terminal nothing is sent unless somebody said yes before."""
    result = repository.calls(ice).run("apply")

    assert_refused(result, 9, "cannot ask for approval without a terminal", hint="--auto-approve")
    assert ice.skills == []


def test_not_to_be_asked(repository: Repository) -> None:
    """In front of a terminal ``--no-input`` is the same as none."""
    result = repository.in_terminal("apply", "--no-input")

    assert_refused(result, 9, "cannot ask for approval without a terminal", hint="--auto-approve")


@pytest.mark.parametrize("answer", ["no", "y", "YES", "", "yes please"])
def test_anything_but_yes(repository: Repository, answer: str) -> None:
    """Only the whole word is an approval."""
    result = repository.in_terminal("apply", answer=say(answer))

    assert result.code == 9
    assert "error: not approved; nothing was sent" in result.stderr


def test_yes(repository: Repository) -> None:
    """A person who says yes gets what was shown."""
    result = repository.in_terminal("apply", answer=say("yes"))

    assert result.code == 0
    assert "Apply complete. 1 applied" in result.stdout


def test_end_of_input_is_no_yes(repository: Repository) -> None:
    """A terminal that closes its input did not say yes."""
    result = repository.in_terminal("apply", answer=say("\x04"))

    assert result.code == 9


def test_question_has_the_totals(repository: Repository) -> None:
    """Who is asked sees how much is meant, also when the plan scrolled away."""
    result = repository.in_terminal("apply", answer=say("no"))

    assert f"Apply these changes (1 to add)? {ASKED}" in result.stderr


def test_saved_plan_is_an_approval(repository: Repository) -> None:
    """A plan that was saved and reviewed is not asked about again."""
    repository.run("plan", "-o", "plan.json")

    assert repository.run("apply", "plan.json").code == 0


def test_limit(repository: Repository, ice: Ice) -> None:
    """More than the limit is refused before the first call, with the word that lifts it."""
    repository.calls(ice).replace("icesync.yaml", "adds: 100", "adds: 0")
    result = repository.run("apply", "-y")

    assert_refused(result, 9, "adds: 1 planned, the limit is 0", hint="--allow adds")
    assert ice.skills == []


def test_limit_of_a_saved_plan(repository: Repository) -> None:
    """A saved plan is an approval, but not of more than the limit."""
    repository.replace("icesync.yaml", "adds: 100", "adds: 0")
    repository.run("plan", "-o", "plan.json")

    assert_refused(repository.run("apply", "plan.json"), 9, "planned, the limit is", hint="--allow")


@pytest.mark.parametrize(
    ("old", "new", "rule"),
    [
        ("tls: true", "tls: false", "tls-off"),
        ("active: true", "active: false", "disabled"),
        ("smtp.example.org", "smtp.example.net", "host-change"),
        ("servers:\n", "  spoofing: {enabled: true, address: a@b.example}\nservers:\n", "spoofing"),
    ],
)
def test_guard(repository: Repository, ice: Ice, old: str, new: str, rule: str) -> None:
    """A dangerous kind of change needs the word for it."""
    repository.calls(ice).apply().replace("servers/59.yaml", old, new)
    result = repository.run("apply", "-y")

    assert_refused(result, 9, "59/663", hint=f"--allow {rule}")
    assert ice.skills == [663]


def test_unknown_target(repository: Repository) -> None:
    """A target that means nothing is a slip, not "nothing to do"."""
    result = repository.run("plan", "--target", "59/636")

    assert_refused(result, 64, "no server matches --target 59/636", hint="did you mean 59/663?")


@pytest.mark.parametrize(
    ("arguments", "sentence", "hint"),
    [
        (["aply"], "no such command: aply", "icesync --help"),
        (["plna"], "no such command: plna", "did you mean `icesync plan`?"),
        (["frobnicate"], "no such command: frobnicate", "icesync --help"),
        (["plan", "--taget", "59/663"], "--taget", "icesync plan --help"),
        (
            ["plan", "--format", "yaml"],
            "invalid --format yaml: use text, json",
            "icesync plan --help",
        ),
        (
            ["apply", "--parallelism", "0"],
            "--parallelism 0: use a number, 1 to 64",
            "icesync apply",
        ),
        (["state", "lst"], "lst", "icesync state --help"),
        (["state", "rm"], "missing argument ADDR", "icesync state rm --help"),
        (["state", "rekey"], "--new-key is required", "icesync state rekey --help"),
        (["apply", "--expect-digest", "9f1c"], "invalid --expect-digest 9f1c", "sha256: and 64"),
        (["plan", "--target", "59"], "no server matches --target 59", "did you mean '59/*'?"),
        (["plan", "--organization", "7"], "--organization 7/*", "the organizations are 59"),
        (["schema", "icesnyc"], "unknown schema icesnyc", "icesync"),
        (["emulator", "--user", "nobody"], "--user takes NAME:PASSWORD", ""),
        (["emulator", "--bind", "192.0.2.1"], "reachable from other machines", "--insecure-bind"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_slip_on_the_command_line(
    repository: Repository, arguments: list[str], sentence: str, hint: str
) -> None:
    """A slip is 64, so that it never reads as "there are changes", and is answered."""
    result = repository.run(*arguments)

    assert result.code == 64
    assert sentence in result.stderr
    assert hint in result.stderr
    assert result.stderr.count("error: ") == 1


def test_slip_in_a_state_command(repository: Repository) -> None:
    """The nearest command is named below ``state`` too."""
    assert "did you mean `icesync state list`?" in repository.run("state", "lits").stderr


def test_terraform_spelling(repository: Repository) -> None:
    """Long flags with one dash are what fingers know."""
    assert repository.run("plan", "-detailed-exitcode").code == 2


@pytest.mark.usefixtures("hurried")
def test_ice_unreachable(repository: Repository, archive: Storage) -> None:
    """Nobody at the address: nothing was written, and the snapshot says nothing."""
    repository.calls(Ice("http://127.0.0.1:1/ICEAPI", archive), token="")
    repository.environ["ICE_TOKEN"] = Ice("", archive).token()
    result = repository.run("apply", "-y")

    assert_refused(result, 10, "ICE is unreachable: not sent: no connection", hint="network")
    assert repository.statuses == {}


@pytest.mark.usefixtures("hurried")
def test_login_unreachable(repository: Repository, archive: Storage) -> None:
    """Nobody to log in to is the network's fault, not the password's."""
    result = repository.calls(Ice("http://127.0.0.1:1/ICEAPI", archive)).run("apply", "-y")

    assert_refused(result, 10, "cannot connect to ICE to log in", hint="check `api.base_url`")


def test_wrong_base_path(repository: Repository, ice: Ice) -> None:
    """A 404 is told as a wrong address: every other call would meet it too."""
    elsewhere = Ice(ice.url.replace("ICEAPI", "ICEAPPI"), ice.archive)
    result = repository.calls(elsewhere, token=ice.token()).run("apply", "-y")

    assert_refused(result, 10, "ICE rejected the first call", "404", hint="check `api.base_url`")
    assert repository.statuses == {}


def test_wrong_address_can_be_corrected(repository: Repository, ice: Ice) -> None:
    """A try that reached nobody binds nobody: the corrected address is no other target."""
    elsewhere = Ice(ice.url.replace("ICEAPI", "ICEAPPI"), ice.archive)
    repository.calls(elsewhere, token=ice.token()).run("apply", "-y")
    result = repository.calls(ice, token=ice.token()).run("apply", "-y")

    assert (result.code, ice.skills) == (0, [663])


def test_wrong_base_path_of_a_login(repository: Repository, ice: Ice) -> None:
    """A login that meets a 404 has a wrong address, not a wrong password."""
    elsewhere = Ice(ice.url.replace("ICEAPI", "ICEAPPI"), ice.archive)
    result = repository.calls(elsewhere).run("login")

    assert_refused(result, 10, "404", hint="check `api.base_url`")


def test_one_server_refused(repository: Repository, archive: Storage) -> None:
    """One refusal does not stop the others; what is open and how to send it is told."""
    repository.servers([663, 664, 665])
    with FarEnd(Picky(archive, 664, invalid(["server.SMTPPort"])).answer) as server:
        ice = Ice(server.url, archive)
        result = repository.calls(ice).run("apply", "-y")

    assert_refused(result, 7, "1 of 3 changes were not applied", hint="icesync apply")
    assert "rejected the call: smtp.port (HTTP 400); see servers/59.yaml:" in result.stdout
    assert "icesync apply --target 59/664" in result.stdout


def test_refused_server_is_all_that_is_open(repository: Repository, archive: Storage) -> None:
    """After a refusal the next apply sends that server, and nothing else."""
    repository.servers([663, 664, 665])
    picky = Picky(archive, 664, invalid(["server.SMTPPort"]))
    with FarEnd(picky.answer) as server:
        ice = Ice(server.url, archive)
        repository.calls(ice).run("apply", "-y")
        picky.reply = None
        repository.apply()

    assert ice.skills == [663, 665, 664]


def test_fail_fast(repository: Repository, archive: Storage) -> None:
    """With the flag a refusal is the last call."""
    repository.servers([663, 664, 665])
    with FarEnd(Picky(archive, 663, invalid(["server.SMTPPort"])).answer) as server:
        ice = Ice(server.url, archive)
        result = repository.calls(ice).run("apply", "-y", "--fail-fast", "--parallelism", "1")

    assert result.code == 7
    assert ice.skills == []


@pytest.mark.usefixtures("hurried")
def test_answer_that_is_none(repository: Repository, archive: Storage) -> None:
    """A failing server may have written: the outcome is uncertain, and is sent again."""
    with FarEnd(Echo(archive, 500).answer) as server:
        result = repository.calls(Ice(server.url, archive)).run("apply", "-y")

    assert result.code == 7
    assert repository.statuses == {"59/663": "uncertain"}


def test_redirect_is_not_followed(repository: Repository, archive: Storage) -> None:
    """A redirect would carry the passwords elsewhere."""
    reply = Reply(307, {"location": "http://127.0.0.1:9/x"}, b"")
    with FarEnd(Picky(archive, 663, reply).answer) as server:
        ice = Ice(server.url, archive)
        result = repository.calls(ice).run("apply", "-y")

    assert_refused(result, 10, "a redirect, which is not followed", hint="check `api.base_url`")
