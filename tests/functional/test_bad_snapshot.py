"""A snapshot that cannot be trusted, is locked, or is not the plan's: 8, 5 and 6."""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING

import pytest
from rig import Ice, Repository, assert_refused

if TYPE_CHECKING:
    from collections.abc import Callable

DAMAGE: dict[str, tuple[Callable[[str], str], str, str]] = {
    "empty": (lambda _: "", "the state is empty", ".backup"),
    "blank": (lambda text: "\0" * len(text), "the state is empty", ".backup"),
    "truncated": (lambda text: text[: len(text) // 2], "the state is not valid JSON (line", "cp"),
    "conflict": (
        lambda text: f"<<<<<<< ours\n{text}=======\n{text}>>>>>>> theirs\n",
        "merge-conflict markers",
        "icesync state resolve",
    ),
    "edited": (
        lambda text: text.replace("smtp.example.org", "smtp.example.net"),
        "the entry of 59/663 was edited",
        "git checkout",
    ),
    "not an object": (lambda _: "[]", "not a JSON object", "git checkout"),
    "terraform": (
        lambda _: '{"terraform_version": "1.9.0"}',
        "not an icesync state",
        "correct `state:`",
    ),
    "key twice": (lambda text: text.replace("{", '{"kind": 1,', 1), "not valid JSON", ".backup"),
    "deep": (lambda _: "[" * 100_000, "not valid JSON", ".backup"),
    "newer": (
        lambda text: text.replace('"version": 1\n', '"version": 99\n'),
        "the state has format 99, written by icesync ",
        "--upgrade",
    ),
    "no lineage": (
        lambda text: text.replace('"lineage"', '"linage"'),
        "is incomplete",
        ".backup",
    ),
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_damage(repository: Repository, kind: str) -> None:
    """A damaged snapshot is refused with the way out, never read as empty."""
    damage, sentence, hint = DAMAGE[kind]
    repository.apply().apply("--resend", "all")
    repository.write("state.json", damage(repository.read("state.json")))

    assert_refused(repository.run("plan"), 8, sentence, hint=hint)


def test_backup_is_offered_where_there_is_one(repository: Repository) -> None:
    """The first save makes none: a command that cannot work is not printed."""
    repository.apply().write("state.json", "{")
    result = repository.run("plan")

    assert not (repository.root / "state.json.backup").exists()
    assert_refused(result, 8, "not valid JSON", hint="git checkout")
    assert ".backup" not in result.stderr


@pytest.mark.parametrize(
    "command",
    [
        ["apply", "-y"], ["check"], ["show"], ["state", "list"], ["state", "show", "59/663"],
        ["state", "rm", "59/663"], ["state", "mv", "59/663", "59/664"],
    ],
    ids=" ".join,
)  # fmt: skip
def test_damage_stops(repository: Repository, command: list[str]) -> None:
    """Every command that reads the snapshot refuses a damaged one, and leaves it as it is."""
    repository.apply().write("state.json", "{")
    result = repository.run(*command)

    assert_refused(result, 8, "the state is not valid JSON")
    assert repository.read("state.json") == "{"


def test_backup_is_a_way_out(repository: Repository) -> None:
    """What the hint says works: the copy before the last save is sound."""
    repository.apply().replace("servers/59.yaml", "587", "2525")
    repository.apply().write("state.json", "{")
    repository.write("state.json", repository.read("state.json.backup"))

    assert repository.run("plan").code == 0


def test_conflict_is_united(repository: Repository) -> None:
    """Two branches that both applied are united; what they disagree about is uncertain."""
    repository.servers([663, 664])
    ours = repository.apply().read("state.json")
    repository.replace("servers/59.yaml", "name: Desk 664", "name: Desk 664, smtp: {port: 25}")
    theirs = repository.apply().read("state.json")
    repository.write("state.json", f"<<<<<<< ours\n{ours}=======\n{theirs}>>>>>>> theirs\n")

    assert repository.run("state", "resolve").code == 0
    assert repository.statuses == {"59/663": "applied", "59/664": "uncertain"}


def test_another_target(repository: Repository, ice: Ice) -> None:
    """What one ICE acknowledged says nothing about another."""
    repository.apply().calls(ice)
    result = repository.run("apply", "-y")

    assert_refused(result, 8, "this state belongs to emulator", hint="--go-live")
    assert ice.skills == []


def test_folder_in_its_place(repository: Repository) -> None:
    """A folder where the snapshot should be is not "nothing was stored"."""
    (repository.root / "state.json").mkdir()

    assert_refused(repository.run("plan"), 8, "state.json", hint="ls -ld")


def test_lock_of_another_run(repository: Repository) -> None:
    """Who holds the lock, since when and for what is told."""
    with repository.locked():
        result = repository.run("apply", "-y")

    assert_refused(
        result,
        5,
        "chris@runner-7 (pid 4711) since 2026-01-01T00:00:00Z for `apply`: https://ci/7",
        hint="--lock-timeout",
    )


def test_lock_timeout_waits(repository: Repository) -> None:
    """With a timeout the run waits for the other one to end."""
    with repository.locked() as other:
        assert other.stdin is not None
        timer = threading.Timer(0.3, other.stdin.close)
        timer.start()
        result = repository.run("apply", "-y", "--lock-timeout", "20")
        timer.join()

    assert result.code == 0


def test_lock_timeout_ends(repository: Repository) -> None:
    """A timeout that passes is the same refusal."""
    with repository.locked():
        result = repository.run("apply", "-y", "--lock-timeout", "0.2")

    assert_refused(result, 5, "the state is locked by chris@runner-7")


@pytest.mark.parametrize("spelling", ["0.2s", "1s", "5m", "1h"])
def test_lock_timeout_takes_units(repository: Repository, spelling: str) -> None:
    """The hint of a held lock says ``5m``, so that must be understood."""
    assert repository.run("apply", "-y", "--lock-timeout", spelling).code == 0


@pytest.mark.parametrize("flag", ["--lock-timeout", "--settle"])
@pytest.mark.parametrize("spelling", ["5x", "-1", "m", "nan", "inf", "1e9", "٣", ""])
def test_invalid_duration(repository: Repository, flag: str, spelling: str) -> None:
    """What is not a duration is a slip on the command line."""
    result = repository.run("apply", "-y", f"{flag}={spelling}")

    assert_refused(result, 64, f"invalid {flag}", hint="use 30, 30s, 5m or 1h")


@pytest.mark.parametrize("command", [["plan"], ["show"], ["check"]], ids=" ".join)
def test_reading_needs_no_lock(repository: Repository, command: list[str]) -> None:
    """While another run applies, everybody may look."""
    repository.apply()
    with repository.locked():
        result = repository.run(*command)

    assert result.code == 0


def test_state_changes_need_the_lock(repository: Repository) -> None:
    """Surgery waits its turn as well."""
    repository.apply()
    with repository.locked():
        result = repository.run("state", "rm", "59/663")

    assert_refused(result, 5, "the state is locked by chris@runner-7")


def test_unlock_says_who(repository: Repository) -> None:
    """There is nothing to break: the holder is named, and how to end it."""
    with repository.locked():
        result = repository.run("state", "unlock")

    assert_refused(result, 5, "locked by chris@runner-7", hint="kill 4711")


def test_killed_holder_holds_nothing(repository: Repository) -> None:
    """A lock ends with its process, however that ends."""
    with repository.locked() as other:
        other.kill()
        other.wait()
        result = repository.run("apply", "-y")

    assert result.code == 0


def test_plan_of_another_snapshot(repository: Repository) -> None:
    """A plan that was made over one snapshot is not for its successor of the same name."""
    repository.apply().replace("servers/59.yaml", "587", "2525")
    repository.run("plan", "-o", "plan.json")
    (repository.root / "state.json").unlink()
    repository.replace("servers/59.yaml", "2525", "587")
    repository.apply().replace("servers/59.yaml", "587", "2525")

    assert_refused(
        repository.run("apply", "plan.json"),
        6,
        "for another state (its lineage differs)",
        hint="icesync plan",
    )


def test_plan_for_another_target(repository: Repository, ice: Ice) -> None:
    """A plan that was reviewed for one ICE is not for another."""
    repository.run("plan", "-o", "plan.json")
    repository.calls(ice)
    result = repository.run("apply", "plan.json")

    assert_refused(result, 6, "for another `api.base_url`", hint="icesync plan")
    assert ice.skills == []


def test_incomplete_plan(repository: Repository) -> None:
    """A plan that was made without the secrets can be read, not applied."""
    repository.run("plan", "-o", "plan.json", env={"ICE_SMTP": ""})

    assert_refused(repository.run("apply", "plan.json"), 6, "is incomplete", hint="icesync plan")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "not valid JSON"),
        ("{}", "not an icesync plan"),
        ('{"kind": "icesync-plan"}', "an unsupported format version"),
        ('{"kind": "icesync-plan", "format_version": "1.0"}', "was edited after it was saved"),
    ],
)
@pytest.mark.parametrize("command", ["apply", "show"])
def test_file_that_is_no_plan(
    repository: Repository, command: str, text: str, sentence: str
) -> None:
    """What is no plan, or not the one that was saved, is refused."""
    repository.write("plan.json", text)

    assert_refused(repository.run(command, "plan.json"), 6, sentence, hint="icesync plan")


def test_forged_checksum_does_not_help(repository: Repository) -> None:
    """A plan that was edited with its checksum made anew still is not what the files say."""
    from icesync.codec import canonical, digest

    repository.run("plan", "-o", "plan.json")
    plan = json.loads(repository.read("plan.json").replace("smtp.example.org", "evil.example"))
    del plan["checksum"]
    repository.write("plan.json", json.dumps({**plan, "checksum": digest(canonical(plan))}))

    assert_refused(repository.run("apply", "plan.json"), 6, hint="icesync plan")


def test_saved_plan_is_private(repository: Repository) -> None:
    """Only its owner can read a saved plan and a snapshot."""
    repository.run("plan", "-o", "plan.json")
    repository.apply()
    modes = {
        (repository.root / name).stat().st_mode & 0o777 for name in ("plan.json", "state.json")
    }

    assert modes == {0o600}
