"""``icesync ci``: what a pipeline sees, against both forges on loopback."""

from __future__ import annotations

import json
import re
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest
from forges import OURS, READER, STRANGER, FakeForge, FakeGitHub, FakeGitLab, Trouble
from rig import Repository, Result, assert_refused

from icesync.model.pipeline import Forge
from icesync.wire.reply import Reply

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.usefixtures("hurried")

_RUN = re.compile(r',"run":[0-9]+')
MARKER = '<!-- icesync:plan {"v":1,"key":"mail"} -->'
PLAN = f"{MARKER}\n### icesync plan\n\n1 to update\n"
EMPTY = '<!-- icesync:plan {"v":1,"key":"mail","changes":0} -->\n### icesync plan\n\nNo changes.\n'
OUTAGE = Reply(500, {}, b"<html>oops</html>")


class Pipeline:
    """A job of a pipeline on a forge, in a repository with a plan in ``plan.md``."""

    def __init__(self, kind: Forge, world: FakeForge, repository: Repository) -> None:
        self.kind = kind
        self.world = world
        self.repository = repository
        self.summary = repository.root / "summary.md"
        self.token = OURS
        self.head = "acme/mail"
        self.number: int | None = 7
        repository.write("plan.md", PLAN)

    @property
    def environ(self) -> dict[str, str]:
        """The variables of the job."""
        if self.kind is Forge.GITLAB:
            return {
                "GITLAB_CI": "true",
                "CI_API_V4_URL": self.world.url,
                "CI_PROJECT_ID": "42",
                "CI_JOB_URL": "https://gitlab.test/acme/mail/-/jobs/5",
                "CI_PROJECT_URL": "https://gitlab.test/acme/mail",
                "CI_MERGE_REQUEST_PROJECT_ID": "42",
                "CI_MERGE_REQUEST_SOURCE_PROJECT_ID": "42" if "acme" in self.head else "77",
                "CI_MERGE_REQUEST_IID": str(self.number or ""),
                "ICESYNC_GITLAB_TOKEN": self.token,
            }
        sides = {"head": self.head, "base": "acme/mail"}
        pull: dict[str, Any] = {k: {"repo": {"full_name": v}} for k, v in sides.items()}
        event = {"pull_request": {"number": self.number, **pull}} if self.number else {}
        path = self.repository.write("event.json", json.dumps(event))
        return {
            "GITHUB_ACTIONS": "true",
            "GITHUB_API_URL": self.world.url,
            "GITHUB_SERVER_URL": "https://github.test",
            "GITHUB_REPOSITORY": "acme/mail",
            "GITHUB_RUN_ID": "99",
            "GITHUB_EVENT_PATH": str(path),
            "GITHUB_STEP_SUMMARY": str(self.summary),
            "GITHUB_TOKEN": self.token,
        }

    @property
    def comments(self) -> list[str]:
        """The comments that stand there."""
        return [_RUN.sub("", comment["body"]) for comment in self.world.comments]

    @property
    def issues(self) -> list[tuple[str, str]]:
        """Text and state of all issues."""
        return [(_RUN.sub("", i[self.world.text_field]), i["state"]) for i in self.world.issues]

    def run(self, *arguments: str, **environ: str) -> Result:
        """Run ``icesync ci``; the token may not come out."""
        result = self.repository.run("ci", *arguments, env={**self.environ, **environ})
        assert self.token not in result.stdout + result.stderr
        return result

    def comment(self, *more: str, **environ: str) -> Result:
        """Run ``icesync ci comment`` with the plan."""
        return self.run("comment", "--body", "plan.md", *more, **environ)


@pytest.fixture(params=[Forge.GITHUB, Forge.GITLAB])
def pipeline(request: pytest.FixtureRequest, repository: Repository) -> Iterator[Pipeline]:
    """A job on either forge."""
    kind = request.param
    with {Forge.GITHUB: FakeGitHub, Forge.GITLAB: FakeGitLab}[kind]() as world:
        yield Pipeline(kind, world, repository)


@pytest.fixture
def github(repository: Repository) -> Iterator[Pipeline]:
    """A job on GitHub."""
    with FakeGitHub() as world:
        yield Pipeline(Forge.GITHUB, world, repository)


def test_first_run_posts(pipeline: Pipeline) -> None:
    """The plan is posted, and its address is the result."""
    result = pipeline.comment()

    assert (result.code, result.stderr) == (0, "posted\n")
    assert result.stdout in {
        "https://github.com/acme/mail/pull/7#issuecomment-1\n",
        "https://gitlab.test/acme/mail/-/merge_requests/7#note_1\n",
    }
    assert pipeline.comments == [PLAN]


def test_second_run_edits(pipeline: Pipeline) -> None:
    """There is one comment, however often the plan changes, and whoever talks in between."""
    for number in range(5):
        pipeline.world.say(f"remark {number}", STRANGER)
    pipeline.comment()
    pipeline.world.say("another remark", STRANGER)
    pipeline.repository.write("plan.md", PLAN.replace("1 to", "2 to"))

    result = pipeline.comment()

    assert (result.code, result.stderr) == (0, "updated\n")
    assert [c for c in pipeline.comments if "remark" not in c] == [PLAN.replace("1 to", "2 to")]


def test_same_plan_is_not_posted_again(pipeline: Pipeline) -> None:
    """A run that found the same writes nothing."""
    pipeline.comment()

    assert pipeline.comment().stderr == "unchanged\n"
    assert pipeline.world.writes == ["POST"]


def test_marker_of_somebody_else(pipeline: Pipeline) -> None:
    """Who copies the marker into a comment gets no edits, and hides no plan."""
    pipeline.world.say(f"{MARKER}\nNothing to see here", STRANGER)

    pipeline.comment()

    assert pipeline.comments == [f"{MARKER}\nNothing to see here", PLAN]


def test_two_configurations(pipeline: Pipeline) -> None:
    """Two configurations of one repository have a comment each."""
    pipeline.comment()
    pipeline.comment("--key", "other")

    assert pipeline.comments == [PLAN, PLAN.replace('"mail"', '"other"')]


@pytest.mark.parametrize(("folder", "key"), [(".", "."), ("mail/eu", "mail/eu")])
def test_text_without_a_marker(github: Pipeline, folder: str, key: str) -> None:
    """A text of somebody's own making is known by the configuration's folder."""
    github.repository.write("own.md", "Hello\n")
    github.repository.write(f"{folder}/icesync.yaml", github.repository.read("icesync.yaml"))
    for _ in range(2):
        result = github.run("comment", "-C", folder, "--body", "own.md")
        assert result.code == 0

    assert github.comments == [f'<!-- icesync:plan {{"v":1,"key":"{key}"}} -->\nHello\n']


def test_text_without_a_name(github: Pipeline) -> None:
    """Without a marker, a key and a configuration, nobody knows what the text is about."""
    github.repository.write("own.md", "Hello\n")
    (github.repository.root / "icesync.yaml").unlink()

    result = github.run("comment", "--body", "own.md")

    assert_refused(result, 64, "no icesync.yaml here", hint="--key")


def test_body_from_stdin(github: Pipeline) -> None:
    """The text may come through a pipe."""
    result = github.repository.spawn(
        "ci", "comment", "--body", "-", env=github.environ, answer=PLAN
    )

    assert (result.code, github.comments) == (0, [PLAN])


def test_outdated(pipeline: Pipeline) -> None:
    """While a newer run is in progress, the old plan says that it is old; then it is new again."""
    pipeline.comment()
    marked = pipeline.run("comment", "--outdated", "--key", "mail")
    outdated = pipeline.comments
    pipeline.run("comment", "--outdated", "--key", "mail")
    again = pipeline.comments
    pipeline.comment()

    assert marked.stderr == "updated\n"
    assert "**Outdated:** a [newer run](https://" in outdated[0]
    assert outdated[0].startswith(f"{MARKER}\n")
    assert again == outdated
    assert pipeline.comments == [PLAN]


def test_nothing_to_outdate(pipeline: Pipeline) -> None:
    """The first run of a review has nothing to mark."""
    result = pipeline.run("comment", "--outdated", "--key", "mail")

    assert (result.code, result.stdout, result.stderr) == (0, "", "nothing to post\n")
    assert pipeline.comments == []


def test_only_changes(pipeline: Pipeline) -> None:
    """A plan without changes makes no comment, but it corrects one that is there."""
    pipeline.repository.write("empty.md", EMPTY)
    quiet = pipeline.run("comment", "--body", "empty.md", "--only-changes")
    before = pipeline.comments
    pipeline.comment("--only-changes")
    pipeline.run("comment", "--body", "empty.md", "--only-changes")

    assert (quiet.code, quiet.stderr) == (0, "nothing to post\n")
    assert (before, pipeline.comments) == ([], [EMPTY])


def test_long_plan_is_cut(pipeline: Pipeline) -> None:
    """A plan that fits into no comment is cut where it stays readable, with a way to the rest."""
    pipeline.repository.write("plan.md", f"{MARKER}\n" + "```diff\n+ line\n```\n\n" * 8_000)

    assert pipeline.comment().code == 0
    [text] = pipeline.comments
    assert 59_000 < len(text.encode()) <= 60_000
    assert "+ line\n```\n\n\n> **Cut here.** The whole text has 160,0" in text
    assert "[The run](https://" in text


def test_plan_is_cut_to_what_the_forge_keeps(pipeline: Pipeline) -> None:
    """Where a forge keeps less than was thought, the comment gets shorter still."""
    pipeline.world.most_chars = 20_000
    pipeline.repository.write("plan.md", f"{MARKER}\n" + "line\n\n" * 20_000)

    assert pipeline.comment().code == 0
    assert 9_900 < len(pipeline.comments[0]) <= 10_000


@pytest.mark.parametrize("head", ["acme/mail", "eve/mail"])
def test_token_that_may_only_read(pipeline: Pipeline, head: str) -> None:
    """A fork's token may only read: the plan goes to the summary, and nothing has failed."""
    pipeline.token, pipeline.head = READER, head

    result = pipeline.comment()

    assert result.code == 0
    assert result.stdout == ""
    who = "the token" if head == "acme/mail" else "a run for a fork"
    assert result.stderr.startswith(f"warning: nothing was posted; {who} has read access only: ")
    assert ("hint: " in result.stderr) is (head == "acme/mail")
    assert pipeline.comments == []
    if pipeline.kind is Forge.GITHUB:
        assert pipeline.summary.read_text() == PLAN
        assert result.stderr.endswith("posted to the job summary instead\n")


def test_summary_keeps_what_was_there(github: Pipeline) -> None:
    """Other steps of the job write to the summary, too."""
    github.token = READER
    github.summary.write_text("before\n")
    github.comment()

    assert github.summary.read_text() == f"before\n{PLAN}"


def test_summary_that_cannot_be_written(github: Pipeline) -> None:
    """Where there is no summary to write to, that is said."""
    github.token = READER
    github.summary.mkdir()

    assert_refused(github.comment(), 73, "summary.md: Is a directory", hint=None)


def test_fork_without_a_token(pipeline: Pipeline) -> None:
    """GitLab gives a fork's pipeline no token at all, which is no failure either."""
    pipeline.head = "eve/mail"
    result = pipeline.comment(GITHUB_TOKEN="", ICESYNC_GITLAB_TOKEN="")

    assert (result.code, pipeline.world.calls) == (0, [])
    assert "has read access only: no token for" in result.stderr


def test_no_token(pipeline: Pipeline) -> None:
    """A pipeline that forgot the token has exit code 4 and a way out."""
    result = pipeline.comment(GITHUB_TOKEN="", ICESYNC_GITLAB_TOKEN="", CI_JOB_TOKEN="x")

    assert_refused(result, 4, "no token for Git", hint="_TOKEN")


def test_wrong_token(pipeline: Pipeline) -> None:
    """A token that has ended has exit code 4, too."""
    pipeline.token = "ended-token-3317"

    assert_refused(pipeline.comment(), 4, "rejected the token (HTTP 401)", hint=None)


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_forge_has_a_bad_day(pipeline: Pipeline, method: str) -> None:
    """A forge that fails three times is asked a fourth time."""
    pipeline.world.troubles.append(Trouble(OUTAGE, method, 3))

    assert pipeline.comment().stderr == "posted\n"
    assert pipeline.comments == [PLAN]


def test_forge_is_down(pipeline: Pipeline) -> None:
    """A forge that stays down has an exit code of its own, and is named."""
    pipeline.world.troubles.append(Trouble(OUTAGE, times=99))

    assert_refused(pipeline.comment(), 12, "answered HTTP 500", hint=None)


def test_reply_that_is_lost(pipeline: Pipeline) -> None:
    """A comment that was made although the forge said otherwise is not made twice."""
    path = "comments" if pipeline.kind is Forge.GITHUB else "notes"
    pipeline.world.after.append(Trouble(OUTAGE, "POST", 1, path))

    assert pipeline.comment().stderr == "unchanged\n"
    assert pipeline.comments == [PLAN]


def test_rate_limit(pipeline: Pipeline) -> None:
    """Who is asked to wait a little waits."""
    pipeline.world.troubles.append(Trouble(pipeline.world.rate_limit(20), times=2))

    assert pipeline.comment().stderr == "posted\n"


def test_rate_limit_that_is_too_long(pipeline: Pipeline) -> None:
    """Who is asked to wait an hour says so instead."""
    pipeline.world.troubles.append(Trouble(pipeline.world.rate_limit(3600), times=99))

    assert_refused(pipeline.comment(), 12, "asks to wait 3600 s", hint="--timeout")


def test_hostile_words_of_a_forge(pipeline: Pipeline) -> None:
    """What a forge says cannot speak to the terminal or to the runner."""
    said = json.dumps({"message": "\x1b[31m\n::add-mask::x\n##[error]y"}).encode()
    pipeline.world.troubles.append(Trouble(Reply(418, {}, said), times=99))

    result = pipeline.comment()

    assert result.code == 12
    assert "\x1b" not in result.stderr
    assert "##[" not in result.stderr
    assert not any(line.startswith("::") for line in result.stderr.splitlines())


def test_hostile_address_of_a_comment(github: Pipeline) -> None:
    """An address that a forge makes up stays on its line."""
    odd = {"id": 1, "body": PLAN, "html_url": "https://x\nchanges=true", "user": None}
    reply = Reply(201, {}, json.dumps(odd).encode())
    github.world.troubles.append(Trouble(reply, "POST", 1, "comments"))

    assert github.comment().stdout == "https://x\\u{a}changes=true\n"


def test_redirect(pipeline: Pipeline) -> None:
    """The token follows nobody anywhere else."""
    with FakeGitHub() as other:
        reply = Reply(307, {"location": other.url}, b"")
        pipeline.world.troubles.append(Trouble(reply, times=99))

        assert_refused(pipeline.comment(), 12, "HTTP 307", hint=None)

    assert other.calls == []


def test_unknown_project(pipeline: Pipeline) -> None:
    """A project that is not there is named."""
    other = "77/x" if pipeline.kind is Forge.GITHUB else "77"

    result = pipeline.comment("--project", other)

    assert_refused(result, 12, "HTTP 404: ", f"{other}#7 does not exist", hint=None)


def test_run_without_a_review(pipeline: Pipeline) -> None:
    """A run for a branch has nothing to comment on, and a number can be given."""
    pipeline.number = None

    assert_refused(pipeline.comment(), 64, "a pull request or merge request", hint="--number")
    assert pipeline.comment("--number", "7").code == 0


def test_on_a_desk(github: Pipeline) -> None:
    """Out of a pipeline, flags say it all."""
    told = ("--forge", "github", "--project", "acme/mail", "--number", "7")
    url = ("--api-url", github.world.url)
    body = ("ci", "comment", "--body", "plan.md")
    lost = github.repository.run(*body, env={"GITHUB_TOKEN": OURS})
    found = github.repository.run(*body, *told, *url, env={"GITHUB_TOKEN": OURS})

    assert_refused(lost, 64, "in GitHub Actions or GitLab CI", hint="--forge")
    assert (found.code, github.comments) == (0, [PLAN])


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("comment",), "either --body FILE or --outdated"),
        (("comment", "--body", "plan.md", "--outdated"), "either --body FILE or --outdated"),
        (("issue",), "either --body FILE or --close"),
        (("issue", "--body", "plan.md", "--close"), "either --body FILE or --close"),
        (("comment", "--body", "void.md"), "void.md is empty"),
        (("comment", "--body", "odd.md"), "odd.md is not UTF-8"),
        (("comment", "--body", "plan.md", "--timeout", "soon"), "invalid --timeout soon"),
        (("comment", "--body", "plan.md", "--number", "0"), "0"),
        (("comment", "--body", "plan.md", "--ca-file", "void.md"), "`--ca-file` cannot be used"),
        (("comment", "--body", "plan.md", "--api-url", "http://gitlab.test"), "must be https"),
    ],
)
def test_command_line_that_is_wrong(
    github: Pipeline, arguments: tuple[str, ...], sentence: str
) -> None:
    """A slip on the command line is exit code 64, and nothing is posted."""
    github.repository.write("void.md", " \n")
    (github.repository.root / "odd.md").write_bytes(b"\xff")

    assert_refused(github.run(*arguments), 64, sentence, hint=None)
    assert github.world.calls == []


def test_quiet(github: Pipeline) -> None:
    """With -q only the address is written."""
    result = github.comment("-q")

    assert (result.stdout.count("\n"), result.stderr) == (1, "")


def test_story_of_an_issue(pipeline: Pipeline) -> None:
    """An issue is opened, kept up to date while it is open, closed, and opened anew."""
    check = PLAN.replace("icesync:plan", "icesync:check")
    for number in range(3):
        pipeline.world.report(f"{check} of somebody else {number}", STRANGER)
    told = []
    for text in ("one", "one", "two", None, None, "three"):
        pipeline.repository.write("check.md", f"{check}{text}\n")
        what = ["--close", "--key", "mail"] if text is None else ["--body", "check.md"]
        told.append(pipeline.run("issue", *what).stderr)

    assert told == [
        "posted\n", "unchanged\n", "updated\n", "closed\n", "nothing to post\n", "posted\n",
    ]  # fmt: skip
    shown = [(text.removeprefix(check), state[:4]) for text, state in pipeline.issues[3:]]
    assert shown == [("two\n", "clos"), ("three\n", "open")]


def test_issue_with_a_token_that_may_only_read(github: Pipeline) -> None:
    """Where no issue may be opened, the text is in the summary, and the job fails: nobody heard."""
    github.token = READER

    assert github.run("issue", "--body", "plan.md").code == 12
    assert github.summary.read_text() == PLAN


def test_no_secret_goes_to_another_forge(repository: Repository) -> None:
    """GitLab is not shown GitHub's token, nor the other way round."""
    with ExitStack() as stack:
        jobs = [
            Pipeline(Forge.GITHUB, stack.enter_context(FakeGitHub()), repository),
            Pipeline(Forge.GITLAB, stack.enter_context(FakeGitLab()), repository),
        ]
        both = {"GITHUB_TOKEN": "hub-9921", "ICESYNC_GITLAB_TOKEN": "lab-4410"}
        for job in jobs:
            repository.run("ci", "comment", "--body", "plan.md", env={**job.environ, **both})
        hub, lab = (str([call.headers for call in job.world.calls]) for job in jobs)

    assert "hub-9921" in hub
    assert "lab-4410" in lab
    assert "lab" not in hub
    assert "hub" not in lab
