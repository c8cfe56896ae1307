"""Reports, pipelines and events of the real program."""

from __future__ import annotations

import json
import stat
from typing import TYPE_CHECKING

import jsonschema
import pytest
from documents import demand_fit, is_published
from rig import FarEnd, Ice, Picky, Repository, assert_refused

from icesync.errors import StateNotSaved
from icesync.render.documents import DOCUMENTS
from icesync.wire.reply import Reply

if TYPE_CHECKING:
    from pathlib import Path

    from icesync.emulator.storage import Storage

BROKEN = ("servers/59.yaml", "port: 587", "port: 22:30")


def read(repository: Repository, name: str) -> str:
    """Return a file of *repository*."""
    return (repository.root / name).read_text()


def test_several_reports_of_one_run(repository: Repository) -> None:
    """One run writes every kind that is asked for, beside what stdout shows."""
    result = repository.run(
        "plan", "--report", "markdown=plan.md", "--report", "gitlab-terraform=tf.json",
        "--report", "json=plan.json", "-o", "saved.json",
    )  # fmt: skip

    assert result.code == 0
    assert result.stdout.startswith("Plan: 1 to add")
    assert read(repository, "plan.md").startswith(
        '<!-- icesync:plan {"v":1,"key":".","changes":1} -->\n'
    )
    assert json.loads(read(repository, "tf.json")) == {"create": 1, "update": 0, "delete": 0}
    assert read(repository, "plan.json") == read(repository, "saved.json")


def test_reports_are_readable_and_plans_are_not(repository: Repository) -> None:
    """A report is for others; a saved plan is for its owner."""
    repository.run("plan", "--report", "markdown=plan.md", "-o", "saved.json")
    modes = [stat.S_IMODE((repository.root / n).stat().st_mode) for n in ("plan.md", "saved.json")]

    assert modes[0] & 0o040
    assert modes[1] == 0o600


@pytest.mark.parametrize("command", ["validate", "plan", "apply -y", "check"])
def test_findings_reach_the_reports_of_a_run_that_they_end(
    repository: Repository, command: str
) -> None:
    """A run that ends in its findings writes the reports that tell them."""
    repository.replace(*BROKEN)
    result = repository.run(
        *command.split(), "--report", "sarif=a.sarif", "--report", "gitlab-codequality=cq.json",
        "--report", "json=a.json", "--report", "markdown=a.md",
    )  # fmt: skip
    [run] = json.loads(read(repository, "a.sarif"))["runs"]

    assert result.code == 3
    assert [r["ruleId"] for r in run["results"]] == ["ICE109"]
    assert [row["check_name"] for row in json.loads(read(repository, "cq.json"))] == ["ICE109"]
    assert json.loads(read(repository, "a.json"))["valid"] is False
    assert "**ICE109**" in read(repository, "a.md")


def test_paths_start_at_the_repositorys_root(tmp_path: Path) -> None:
    """Whoever reads a report looks from the root of the repository, not from ``-C``."""
    (tmp_path / ".git").mkdir()
    repository = Repository(tmp_path / "mail")
    (tmp_path / "mail" / ".git").rmdir()
    repository.replace(*BROKEN)
    repository.run("validate", "--report", "gitlab-codequality=cq.json", "--report", "junit=j.xml")
    [row] = json.loads(read(repository, "cq.json"))

    assert row["location"]["path"] == "mail/servers/59.yaml"
    assert 'name="mail/servers/59.yaml"' in read(repository, "j.xml")


def test_failing_apply_reports_what_was_done(
    repository: Repository, archive: Storage, hurried: None
) -> None:
    """A partial apply shows in its reports, and keeps its exit code."""
    del hurried
    repository.servers([663, 664])
    with FarEnd(Picky(archive, 664, Reply(400, {}, b"no")).answer) as server:
        repository.calls(Ice(server.url, archive))
        result = repository.run("apply", "-y", "--report", "junit=j.xml", "--report", "json=r.json")
    report = json.loads(read(repository, "r.json"))

    assert result.code == report["exit_code"] == 7
    assert {r["address"]: r["status"] for r in report["results"]} == {
        "59/663": "applied",
        "59/664": "failed",
    }
    assert '<testsuite name="icesync apply" tests="2" failures="1"' in read(repository, "j.xml")


def test_apply_whose_snapshot_is_not_saved_reports_its_calls(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was sent is not called "not attempted" because something broke after it."""

    def fail(*_: object) -> None:
        raise StateNotSaved("the store refused the state")

    monkeypatch.setattr("icesync.engine.recorder.Recorder.finish", fail)
    result = repository.run("apply", "-y", "--report", "json=r.json", "--report", "markdown=r.md")
    report = json.loads(read(repository, "r.json"))

    assert result.code == report["exit_code"] == 8
    assert [r["status"] for r in report["results"]] == ["applied"]
    assert report["failure"]["summary"] == "the store refused the state"
    assert "**Stopped:** the store refused the state" in read(repository, "r.md")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["plan", "--report", "junit=a"], "plan does not write junit; use one of json, markdown"),
        (
            ["validate", "--report", "gitlab-terraform=a"],
            "validate does not write gitlab-terraform",
        ),
        (["plan", "--report", "pdf=a"], "unknown kind pdf; use one of json"),
        (["plan", "--report", "json"], "a path is required; use json=PATH"),
        (["plan", "--report", "json="], "a path is required; use json=PATH"),
        (["plan", "--report", "json=a", "--report", "sarif=./a"], "--report a is given twice"),
        (
            ["plan", "--report", "json=a", "-o", "a"],
            "--report a is already used for another output",
        ),
        (["plan", "--report", "json=icesync.yaml"], "icesync.yaml would overwrite a YAML file"),
        (["plan", "--report", "json=state.json"], "state.json would overwrite the state"),
        (["plan", "--report", "json=state.json.lock"], "state.json.lock would overwrite the lock"),
        (["plan", "--report", "json=key"], "key would overwrite a key"),
        (["plan", "--report", "json=-", "--report", "sarif=-"], "only one result"),
        (["plan", "--report", "sarif=-", "--json"], "only one result"),
        (["plan", "--report", "sarif=-", "--format", "text"], "only one result"),
    ],
)
def test_slip(repository: Repository, arguments: list[str], told: str) -> None:
    """A report that cannot be is refused before any work is done."""
    result = repository.run(*arguments)

    assert (result.code, result.stdout) == (64, "")
    assert told in result.stderr
    assert not (repository.root / "a").exists()


@pytest.mark.parametrize("name", ["icesync.yaml", "state.json", "servers/59.yaml"])
def test_no_report_overwrites_what_is_needed(repository: Repository, name: str) -> None:
    """A slip in a path costs neither the configuration nor the snapshot."""
    before = repository.apply().read(name)
    repository.replace("servers/59.yaml", "port: 587", "port: 22:30")
    result = repository.run("plan", "--report", f"json={name}")
    repository.replace("servers/59.yaml", "port: 22:30", "port: 587")

    assert_refused(result, 64, name)
    assert repository.read(name) == before


def test_apply_into_a_missing_folder_sends_nothing(repository: Repository) -> None:
    """What can be known before the first call is said before it."""
    assert_refused(repository.run("apply", "-y", "--report", "junit=no/j.xml"), 73, "no/j.xml")
    assert not (repository.root / "state.json").exists()


@pytest.mark.parametrize(("flags", "code"), [((), 1), (("--detailed-exitcode",), 2)])
def test_report_that_fails_at_the_end(
    repository: Repository, flags: tuple[str, ...], code: int
) -> None:
    """A report that could not be written is named; only a 0 is not kept."""
    result = repository.run("plan", *flags, "--report", "json=/dev/full")

    assert result.code == code
    assert "error: report json: cannot write /dev/full: No space left" in result.stderr


def test_failure_and_a_report_that_fails(repository: Repository) -> None:
    """The exit code of the work is never lost, and both failures are named."""
    repository.replace(*BROKEN)
    result = repository.run("plan", "--report", "json=/dev/full", "--report", "sarif=a.sarif")

    assert result.code == 3
    assert "report json:" in result.stderr
    assert "1 error in the configuration" in result.stderr
    assert "ICE109" in read(repository, "a.sarif")


def test_bug_in_a_renderer_keeps_the_code(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even a bug in a report does not turn a failure into something else."""

    def fail(*_: object) -> str:
        raise ZeroDivisionError("a secret, perhaps")

    monkeypatch.setattr("icesync.render.sarif.render", fail)
    repository.replace(*BROKEN)
    result = repository.run("validate", "--report", "sarif=a.sarif")

    assert result.code == 3
    assert "error: report sarif: internal error (ZeroDivisionError): this is a bug" in result.stderr
    assert "perhaps" not in result.stderr


def test_report_on_stdout(repository: Repository) -> None:
    """A dash puts a report in the place of the text."""
    result = repository.run("validate", "--report", "gitlab-codequality=-")

    assert (result.code, json.loads(result.stdout)) == (0, [])


def test_format_by_variable(repository: Repository) -> None:
    """A pipeline sets the format once; a flag and a dash go before it."""
    variable = {"ICESYNC_FORMAT": "markdown"}

    assert repository.run("plan", env=variable).stdout.startswith("<!-- icesync:plan")
    assert repository.run("plan", "--json", env=variable).document["kind"] == "icesync-plan"
    dashed = repository.run("plan", "--report", "gitlab-terraform=-", env=variable)
    assert json.loads(dashed.stdout)["create"] == 1


def test_stopped_command_says_so_in_its_format(repository: Repository) -> None:
    """Who reads JSON or Markdown from stdout gets it from a run that failed too."""
    repository.replace(*BROKEN)
    asked = repository.run("plan", "--json")
    posted = repository.run("plan", "--format", "markdown")

    assert (asked.code, asked.document["failure"]["exit_code"]) == (3, 3)
    assert "### icesync plan: stopped, exit code 3" in posted.stdout


def test_events_of_an_apply(repository: Repository) -> None:
    """Each call is told when it leaves and when it ends; the last line is the whole report."""
    repository.servers([663, 664])
    result = repository.run("apply", "-y", "--json")
    names = [event["event"] for event in result.events]
    called = {e["address"]: n for n, e in enumerate(result.events) if e["event"] == "calling"}
    ended = {e["address"]: n for n, e in enumerate(result.events) if e["event"] == "outcome"}

    assert result.code == 0
    assert (names[0], names[-1], names.count("summary")) == ("started", "summary", 1)
    assert set(called) == set(ended) == {"59/663", "59/664"}
    assert all(called[address] < ended[address] for address in called)
    assert result.events[-1]["complete"] is True


def test_events_of_a_refused_apply(repository: Repository) -> None:
    """A run that was not allowed to begin has one event: the last, with the reason."""
    repository.replace("icesync.yaml", "adds: 100", "adds: 0")
    result = repository.run("apply", "-y", "--json")
    [event] = result.events

    assert result.code == event["failure"]["exit_code"] == 9
    assert event["refusals"][0]["allow"] == "adds"


def test_annotations_summary_and_outputs(repository: Repository) -> None:
    """On GitHub a run is seen at the lines, in the summary and by later steps."""
    summary, outputs = repository.root / "summary", repository.root / "outputs"
    summary.write_text("before\n")
    repository.replace("icesync.yaml", "adds: 100", "adds: 0")
    environ = {
        "GITHUB_ACTIONS": "true",
        "GITHUB_STEP_SUMMARY": str(summary),
        "GITHUB_OUTPUT": str(outputs),
    }
    result = repository.run("plan", "--detailed-exitcode", "-o", "saved.json", env=environ)

    assert result.code == 2
    assert "::warning title=adds::adds: 1 planned" in result.stderr
    assert "::" not in result.stdout
    assert summary.read_text().startswith("before\n<!-- icesync:plan")
    assert {"changes=true", "to_add=1", "exit_code=2", "plan_path=saved.json"} <= set(
        outputs.read_text().splitlines()
    )


@pytest.mark.parametrize("place", ["/nowhere/summary", "/dev/full"])
def test_summary_that_cannot_be_written(repository: Repository, place: str) -> None:
    """A runner without a summary is worth a warning, no more."""
    environ = {"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": place}
    result = repository.run("plan", env=environ)

    assert result.code == 0
    assert "warning: GITHUB_STEP_SUMMARY: " in result.stderr


@pytest.mark.parametrize(
    ("command", "code", "said"),
    [
        (("plan",), 1, "error: --ci github: GITHUB_OUTPUT: cannot write"),
        (("check", "--secrets", "skip"), 2, "error: --ci github: GITHUB_OUTPUT: cannot write"),
        (("apply", "-y"), 0, "warning: GITHUB_OUTPUT: cannot write"),
    ],
    ids=["plan", "check", "apply"],
)
def test_outputs_that_cannot_be_written(
    repository: Repository, command: tuple[str, ...], code: int, said: str
) -> None:
    """Without the outputs of a plan its apply would be skipped: only what is done may warn."""
    environ = {"GITHUB_ACTIONS": "true", "GITHUB_OUTPUT": "/dev/full"}
    result = repository.run(*command, env=environ)

    assert result.code == code
    assert said in result.stderr


def test_pipeline_can_be_switched_off(repository: Repository) -> None:
    """Nothing is told to a runner that is not to hear it."""
    repository.replace(*BROKEN)
    environ = {"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(repository.root / "s")}
    result = repository.run("plan", "--ci", "none", env=environ)

    assert "::error" not in result.stderr
    assert not (repository.root / "s").exists()


def test_sections_on_gitlab(repository: Repository) -> None:
    """GitLab's log folds what is long; stdout holds the same bytes as anywhere else."""
    plain = repository.run("plan")
    result = repository.run("plan", env={"GITLAB_CI": "true"})

    assert result.stdout == plain.stdout
    assert "section_start:" in result.stderr
    assert "icesync plan: 1 to add" in result.stderr
    assert result.stderr.count("section_end:") == 1


def test_check_says_what_waits(repository: Repository) -> None:
    """A schedule hears what differs, what is in no file and how old the oldest answer is."""
    repository.servers([663, 664])
    repository.apply()
    repository.servers([663])
    result = repository.run("check", "--json")

    assert result.code == 2
    assert result.document["maintenance"]["not_in_any_file"] == ["59/664"]
    assert [a["address"] for a in result.document["maintenance"]["oldest"]] == ["59/663", "59/664"]
    repository.environ["ICE_SMTP"] = "rotated"
    posted = repository.run("check", "--report", "markdown=issue.md")
    assert posted.code == 2
    assert "- in no file: 59/664" in read(repository, "issue.md")


@pytest.mark.parametrize(
    "command",
    [
        ("state", "list"), ("state", "show", "59/663"), ("explain", "59/663"),
        ("explain", "59/663", "smtp.port"), ("secrets", "check"), ("version",),
    ],
    ids=" ".join,
)  # fmt: skip
def test_every_document_fits_its_schema(repository: Repository, command: tuple[str, ...]) -> None:
    """Whatever prints JSON says its kind and version, and its schema is published."""
    repository.apply()
    document = json.loads(repository.run(*command, "--json").stdout)

    assert is_published(document)
    assert document["format_version"] == "1.0"
    demand_fit(document)


def test_the_state_fits_its_schema(repository: Repository) -> None:
    """The file that is committed, also with a call whose outcome is not known."""
    repository.apply()
    document = json.loads((repository.root / "state.json").read_text())

    jsonschema.validate(document, DOCUMENTS["state"])
    assert document["servers"]["59/663"]["status"] == "applied"
