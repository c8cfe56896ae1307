"""
The whole story, as the files to copy tell it: pull request, merge, schedule.

Each ``run`` and ``script`` line is run in clones of a scratch repository, against
forges and an ICE on loopback (``tests/localrunner.py``).
"""

from __future__ import annotations

import json
from email.message import Message
from shutil import which
from typing import TYPE_CHECKING, Any

import pytest
from distantstate import FakeGitLab as ManagedState
from forges import OURS, READER, FakeGitHub, FakeGitLab
from githubrunner import GitHubRunner
from gitlabrunner import GitLabRunner
from localrunner import ROOT, Job, Origin, read_yaml
from rig import KEY, run_program

from icesync.wire.reply import Reply

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from rig import Ice

    from icesync.emulator.aspnet import Request

pytestmark = pytest.mark.skipif(which("git") is None, reason="no git program to keep a repository")

SERVER = "servers/59-663.yaml"
HOSTILE = "$(touch${IFS}pwned);`touch${IFS}pwned`"
"""A branch may be called so."""


def start(origin: Origin, ice: Ice) -> str:
    """Commit what ``icesync init`` writes, for *ice*, and return the commit."""
    run_program(["init", "--organization=59", "--skill=663"], origin.desk)
    origin.edit("icesync.yaml", "https://www.enterice.com/ICEAPI", ice.url)
    return origin.commit("first")


def apply(origin: Origin, secrets: dict[str, str]) -> None:
    """Apply what main is from a desk, and push the snapshot."""
    origin.update()
    result = run_program(["apply", "--auto-approve"], origin.desk, secrets)
    if result.code != 0:
        raise AssertionError(result)
    origin.commit("applied")


def secrets(ice: Ice) -> dict[str, str]:
    """Return what is kept in the settings of the repository."""
    return {
        "ICE_TOKEN": ice.token(),
        "ICESYNC_FINGERPRINT_KEY": KEY,
        "ICE_59_663_SMTP": "smtp-secret-8261",
        "ICE_59_663_IMAP": "imap-secret-7450",
    }


def assert_silent(job: Job, secrets: dict[str, str]) -> None:
    """Demand that a job has shown no secret."""
    shown = job.log + job.summary + "".join(job.artifacts.values())
    assert [name for name, value in secrets.items() if value in shown] == []


class GitHub:
    """A repository on GitHub with the three workflows."""

    def __init__(self, world: FakeGitHub, ice: Ice, root: Path) -> None:
        self.world = world
        self.ice = ice
        self.origin = Origin(root)
        environ = {
            "GITHUB_API_URL": world.url, "GITHUB_REPOSITORY": "acme/mail", "GITHUB_RUN_ID": "99",
            "GITHUB_SERVER_URL": "https://github.test",
        }  # fmt: skip
        self.runner = GitHubRunner(self.origin, environ, OURS)
        self.runner.secrets = secrets(ice)
        self.commit = start(self.origin, ice)

    def play(self, name: str, event: str = "push", **payload: Any) -> dict[str, Job]:
        """Run the example *name* for what main is now; no secret may come out."""
        [workflow] = read_yaml((ROOT / "examples" / "ci" / "github" / f"{name}.yml").read_text())
        commit = payload.pop("commit", None) or self.origin.git(
            "rev-parse", "main", cwd=self.origin.bare
        )
        jobs = self.runner.play(workflow, event, payload, commit)
        for job in jobs.values():
            assert_silent(job, {**self.runner.secrets, "GITHUB_TOKEN": self.runner.token})
        return jobs

    def pull(self, old: str, new: str, *, head: str = "acme/mail", **steps: Any) -> Job:
        """Propose a change on a branch with a bad name, and return the job that looks at it."""
        self.origin.update()
        self.origin.edit(SERVER, old, new)
        self.commit = self.origin.commit("change", HOSTILE)
        pull = {
            "number": 7, "title": HOSTILE, "body": HOSTILE,
            "head": {"ref": HOSTILE, "repo": {"full_name": head}},
            "base": {"ref": "main", "repo": {"full_name": "acme/mail"}},
        }  # fmt: skip
        return self.play("plan", "pull_request", commit=self.commit, pull_request=pull, **steps)[
            "plan"
        ]

    def apply(self) -> None:
        """Apply what main is, without a workflow."""
        apply(self.origin, self.runner.secrets)

    def merge(self) -> dict[str, Job]:
        """Merge what was proposed and return the jobs of the merge."""
        self.origin.update()
        self.origin.git("merge", "--quiet", "--no-edit", self.commit)
        self.origin.git("push", "--quiet", "origin", "main")
        return self.play("apply")

    @property
    def comments(self) -> list[str]:
        """The comments that stand there."""
        return [comment["body"] for comment in self.world.comments]

    @property
    def snapshot(self) -> dict[str, Any]:
        """The snapshot that main holds."""
        document: dict[str, Any] = json.loads(self.origin.show("main:icesync.state.json"))
        return document


@pytest.fixture
def github(ice: Ice, tmp_path: Path) -> Iterator[GitHub]:
    """A repository on GitHub."""
    with FakeGitHub() as world:
        yield GitHub(world, ice, tmp_path)


def test_story_on_github(github: GitHub) -> None:
    """A pull request is commented on, its merge is applied and kept, and nothing is left open."""
    first = github.merge()
    assert not first["apply"].failed, first["apply"].log
    assert github.ice.skills == [663]
    assert github.origin.log[0] == "icesync: icesync: what ICE confirmed"
    assert github.snapshot["serial"] > 0

    looked = github.pull("port: 587", "port: 465")
    assert not looked.failed, looked.log
    [comment] = github.comments
    assert "465" in comment
    assert "587" in comment
    assert "465" in looked.summary
    assert list(github.origin.root.rglob("pwned")) == []

    again = github.pull("poll_rate: 10\n    imap", "poll_rate: 20\n    imap")
    assert not again.failed, again.log
    [comment] = github.comments
    assert "poll_rate" in comment
    assert "Outdated" not in comment
    assert len([w for w in github.world.writes if w == "PATCH"]) == 2

    merged = github.merge()
    assert not merged["apply"].failed, merged["apply"].log
    assert github.ice.skills == [663, 663]
    assert github.snapshot["servers"]["59/663"]["settings"]["smtp.poll_rate"] == 20

    assert list(github.play("apply")) == ["plan"]


def test_fork_on_github(github: GitHub) -> None:
    """A fork's pull request has its plan in the summary, and nothing has failed."""
    github.runner.token = READER

    job = github.pull("port: 587", "port: 465", head="eve/mail")

    assert not job.failed, job.log
    assert "posted to the job summary instead" in job.step("Comment").log
    assert (github.comments, "465" in job.summary) == ([], True)


def test_broken_pull_request_on_github(github: GitHub) -> None:
    """A plan that cannot be made fails the job, and the comment says why."""
    job = github.pull("port: 587", "port: 22:30")

    assert (job.failed, job.step("Plan").code, job.step("Comment").code) == (True, 3, 0)
    assert "::error file=servers/59-663.yaml,line=" in job.step("Plan").log
    assert "ICE109" in github.comments[0]


def test_apply_that_fails_on_github(github: GitHub) -> None:
    """What was acknowledged is kept, although the job has failed."""
    github.runner.secrets["ICE_TOKEN"] = "wrong"

    jobs = github.merge()

    assert jobs["apply"].step("Apply what was reviewed").code in {4, 7, 10}
    assert jobs["apply"].step("Commit the state").code == 0
    assert jobs["apply"].step("Keep the state if all else failed").code == 0
    assert github.ice.accepted == []


def test_what_is_about_to_be_sent_is_pushed_first_on_github(github: GitHub) -> None:
    """Should the runner vanish in the middle of an apply, main says what it was about to send."""
    seen: list[str] = []

    def vanish(step: str) -> None:
        if step == "Apply what was reviewed":
            seen.append(github.snapshot["servers"]["59/663"]["status"])
            raise KeyboardInterrupt

    github.runner.pause = vanish
    with pytest.raises(KeyboardInterrupt):
        github.merge()
    github.origin.update()
    after = run_program(["check"], github.origin.desk, github.runner.secrets)

    assert seen == ["pending"]
    assert github.ice.accepted == []
    assert (after.code, "outcome" in after.stdout) == (2, True), after


def test_snapshot_meets_another_push_on_github(github: GitHub) -> None:
    """Somebody pushes while ICE is called: the snapshot comes to lie on top."""

    def meanwhile(step: str) -> None:
        if step == "Commit the state":
            github.origin.update()
            github.origin.desk.joinpath("README.md").write_text("hello\n")
            github.origin.commit("meanwhile")

    github.runner.pause = meanwhile

    jobs = github.merge()

    assert not jobs["apply"].failed, jobs["apply"].log
    assert github.origin.log[:2] == [
        "icesync: icesync: what ICE confirmed",
        "Chris Clarke: meanwhile",
    ]


def test_plan_that_is_stale_on_github(github: GitHub) -> None:
    """What was not reviewed is not sent: main moved while the reviewers looked."""

    def meanwhile(step: str) -> None:
        if (
            step.startswith("actions/setup-python@")
            and not github.origin.desk.joinpath("moved").exists()
        ):
            github.origin.desk.joinpath("moved").write_text("")
            github.origin.edit(SERVER, "port: 587", "port: 465")
            github.origin.commit("meanwhile")

    github.runner.pause = meanwhile

    jobs = github.merge()

    assert jobs["apply"].step("Announce what is about to be sent").code == 6
    assert jobs["apply"].step("Apply what was reviewed").code is None
    assert github.ice.accepted == []


def test_schedule_on_github(github: GitHub) -> None:
    """One issue says what is open, follows it, and is closed when nothing is."""
    github.apply()
    quiet = github.play("check", "schedule")["check"]
    github.runner.secrets["ICE_59_663_SMTP"] = "rotated-secret-9004"
    opened = github.play("check", "schedule")["check"]
    [issue] = github.world.issues
    state, text = issue["state"], issue["body"]
    github.apply()
    github.play("check", "schedule")

    assert (quiet.failed, opened.failed) == (False, False), quiet.log + opened.log
    assert (state, "smtp.password" in text) == ("open", True)
    assert [issue["state"] for issue in github.world.issues] == ["closed"]


def test_schedule_that_cannot_check_on_github(github: GitHub) -> None:
    """A check that could not be made is told in the issue, and the job has failed."""
    del github.runner.secrets["ICE_59_663_SMTP"]

    job = github.play("check", "schedule")["check"]

    assert (job.failed, job.step("Check").outputs["exit_code"]) == (True, "3")
    assert "ICE412" in github.world.issues[0]["body"]


def use(github: GitHub, event: str = "pull_request", **given: str) -> Job:
    """Run the composite action in a job of its own."""
    checkout = {"uses": "actions/checkout@v4"}
    workflow = {"jobs": {"it": {"steps": [checkout, {"uses": "./", "id": "it", "with": given}]}}}
    pull = {"number": 7, "head": {"repo": {"full_name": "acme/mail"}}}
    payload = {"pull_request": {**pull, "base": pull["head"]}} if event == "pull_request" else {}
    return github.runner.play(workflow, event, payload, github.commit)["it"]


def test_action_plans_and_comments(github: GitHub) -> None:
    """The action leaves outputs, a summary and a comment."""
    job = use(
        github, command="plan", comment="changes-only", arguments="--secrets skip --target 59/*"
    )

    outputs = job.steps[-1].outputs
    assert not job.failed, job.log
    assert {name: outputs[name] for name in ("exit_code", "changes")} == {
        "exit_code": "0", "changes": "true",
    }  # fmt: skip
    assert outputs["digest"].startswith("sha256:")
    assert outputs["comment_url"].endswith("#issuecomment-1")
    assert "59/663" in github.comments[0]
    assert "59/663" in job.summary


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"command": HOSTILE}, 64),
        ({"command": "plan", "folder": HOSTILE}, 64),
        ({"command": "plan", "arguments": HOSTILE}, 64),
        ({"command": "plan", "arguments": "--detailed-exitcode"}, 2),
    ],
)
def test_action_ends_as_the_command_did(github: GitHub, given: dict[str, str], code: int) -> None:
    """No input is run, and the exit code is the command's own."""
    job = use(github, **given)

    assert job.steps[-1].code == code, job.log
    assert list(github.origin.root.rglob("pwned")) == []


def test_action_without_a_comment(github: GitHub) -> None:
    """A comment that cannot be made is a warning; the plan is not concerned."""
    github.runner.token = "ended-token-3317"
    job = use(github, command="plan", comment="true")
    pushed = use(github, "push", command="plan", comment="true")

    assert (job.failed, pushed.failed) == (False, False), job.log
    assert "::warning title=icesync::the comment could not be made" in job.log
    assert "ci comment" not in pushed.log
    assert github.comments == []


class GitLab:
    """A project on GitLab with the template."""

    def __init__(self, world: FakeGitLab, ice: Ice, root: Path) -> None:
        self.world = world
        self.ice = ice
        self.origin = Origin(root)
        environ = {
            "CI_API_V4_URL": world.url, "CI_PROJECT_ID": "42", "CI_PROJECT_PATH": "acme/mail",
            "CI_SERVER_URL": f"file://{root}/forge", "CI_DEFAULT_BRANCH": "main",
            "CI_PROJECT_URL": "https://gitlab.test/acme/mail",
            "CI_JOB_URL": "https://gitlab.test/acme/mail/-/jobs/5",
        }  # fmt: skip
        self.runner = GitLabRunner(self.origin, environ)
        self.secrets = {**secrets(ice), "ICESYNC_GITLAB_TOKEN": OURS}
        self.commit = start(self.origin, ice)

    def play(self, source: str, **environ: str) -> dict[str, Job]:
        """Run the pipeline for what main is now; no secret may come out."""
        commit = environ.pop("commit", "") or self.origin.git(
            "rev-parse", "main", cwd=self.origin.bare
        )
        jobs = self.runner.play(commit, CI_PIPELINE_SOURCE=source, **environ)
        for job in jobs.values():
            assert_silent(job, self.secrets)
        return jobs

    def request(self, old: str, new: str, **environ: str) -> Job:
        """Propose a change on a branch with a bad name, and return the job that looks at it."""
        self.origin.update()
        self.origin.edit(SERVER, old, new)
        self.commit = self.origin.commit("change", HOSTILE)
        review = {
            "CI_MERGE_REQUEST_IID": "7", "CI_MERGE_REQUEST_PROJECT_ID": "42",
            "CI_MERGE_REQUEST_TARGET_BRANCH_NAME": "main",
            "CI_MERGE_REQUEST_TITLE": HOSTILE, "CI_COMMIT_REF_NAME": HOSTILE, **environ,
        }  # fmt: skip
        return self.play("merge_request_event", commit=self.commit, **review)["icesync-plan"]

    def merge(self) -> Job:
        """Merge what was proposed and return the job that applies it."""
        self.origin.update()
        self.origin.git("merge", "--quiet", "--no-edit", self.commit)
        self.origin.git("push", "--quiet", "origin", "main")
        return self.push()

    def apply(self) -> None:
        """Apply what main is, without a pipeline."""
        apply(self.origin, self.secrets)

    def push(self) -> Job:
        """Return the job that applies main."""
        self.runner.secrets = self.secrets
        return self.play("push", CI_COMMIT_BRANCH="main")["icesync-apply"]

    def check(self) -> Job:
        """Return the job of the schedule."""
        self.runner.secrets = self.secrets
        return self.play("schedule", CI_COMMIT_BRANCH="main")["icesync-check"]


@pytest.fixture
def gitlab(ice: Ice, tmp_path: Path) -> Iterator[GitLab]:
    """A project on GitLab."""
    with FakeGitLab() as world:
        yield GitLab(world, ice, tmp_path)


def test_story_on_gitlab(gitlab: GitLab) -> None:
    """A merge request has its widgets and its comment, its merge is applied and kept."""
    first = gitlab.push()
    assert not first.failed, first.log
    assert gitlab.ice.skills == [663]
    assert gitlab.origin.log[:2] == [
        "icesync: icesync: what ICE confirmed",
        "icesync: icesync: about to apply",
    ]

    looked = gitlab.request("port: 587", "port: 2525", ICESYNC_GITLAB_TOKEN=OURS)
    assert not looked.failed, looked.log
    assert json.loads(looked.artifacts["changes.json"]) == {"create": 0, "update": 1, "delete": 0}
    assert json.loads(looked.artifacts["codequality.json"]) == []
    assert looked.artifacts["junit.xml"].startswith("<?xml")
    assert "2525" in gitlab.world.comments[0]["body"]
    assert list(gitlab.origin.root.rglob("pwned")) == []

    merged = gitlab.merge()
    assert not merged.failed, merged.log
    assert gitlab.ice.skills == [663, 663]
    assert "2525" in gitlab.origin.show("main:icesync.state.json")

    idle = gitlab.push()
    assert not idle.failed, idle.log
    assert gitlab.ice.skills == [663, 663]


class ManagingGitLab(FakeGitLab):
    """A GitLab that keeps snapshots as well."""

    def answer(self, request: Request) -> Reply:
        """Let the state's part of the API answer what is meant for it."""
        if "/terraform/state/production" not in request.path:
            return super().answer(request)
        headers = Message()
        for name, value in request.headers.items():
            headers[name] = value
        status, said = self.managed.answer(request.method, request.path, headers, request.body)
        return Reply(status, {}, said if isinstance(said, bytes) else json.dumps(said).encode())

    managed = ManagedState()


def test_state_that_gitlab_manages(ice: Ice, tmp_path: Path) -> None:
    """With GitLab's own state nothing is committed, and no token of ours is needed for it."""
    with ManagingGitLab() as world:
        gitlab = GitLab(world, ice, tmp_path)
        gitlab.runner.environ["CI_JOB_TOKEN"] = "job-token"
        gitlab.origin.edit(
            "icesync.yaml",
            "state: {backend: local, path: icesync.state.json}",
            "state: {backend: http, preset: gitlab, name: production}",
        )
        gitlab.origin.commit("managed")
        environ = {**gitlab.runner.environ, **gitlab.secrets}
        begun = run_program(["state", "init"], gitlab.origin.desk, environ)
        applied = gitlab.push()
        looked = gitlab.request("port: 587", "port: 465", ICESYNC_GITLAB_TOKEN=OURS)

    assert begun.code == 0, begun
    assert (applied.failed, looked.failed) == (False, False), applied.log + looked.log
    assert gitlab.origin.log[0] == "Chris Clarke: managed"
    assert (ice.skills, world.managed.lock) == ([663], None)
    assert json.loads(looked.artifacts["changes.json"]) == {"create": 0, "update": 1, "delete": 0}


def test_merge_request_without_a_token(gitlab: GitLab) -> None:
    """Without a token there are still the widgets, and in a fork too."""
    job = gitlab.request("port: 587", "port: 22:30")

    assert job.failed
    assert json.loads(job.artifacts["codequality.json"])[0]["location"]["path"] == SERVER
    assert gitlab.world.calls == []


def test_merge_request_with_an_error_says_so_in_its_comment(gitlab: GitLab) -> None:
    """The comment does not keep the plan of an earlier push."""
    job = gitlab.request("port: 587", "port: 22:30", ICESYNC_GITLAB_TOKEN=OURS)

    assert job.failed
    assert "is read as a base-60 number" in gitlab.world.comments[0]["body"]


def test_apply_that_fails_on_gitlab(gitlab: GitLab) -> None:
    """The job ends as the apply did."""
    gitlab.secrets["ICE_TOKEN"] = "wrong"

    job = gitlab.push()

    assert job.failed
    assert job.steps[0].code in {4, 7, 10}
    assert gitlab.ice.accepted == []


def test_schedule_on_gitlab(gitlab: GitLab) -> None:
    """One issue says what is open, and is closed when nothing is."""
    gitlab.apply()
    quiet = gitlab.check()
    gitlab.secrets["ICE_59_663_SMTP"] = "rotated-secret-9004"
    opened = gitlab.check()
    [issue] = gitlab.world.issues
    state, text = issue["state"], issue["description"]
    gitlab.apply()
    gitlab.check()

    assert (quiet.failed, opened.failed) == (False, False), quiet.log + opened.log
    assert (state, "smtp.password" in text) == ("opened", True)
    assert [issue["state"] for issue in gitlab.world.issues] == ["closed"]
