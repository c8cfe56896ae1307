"""What every board promises: both forges' comments and issues, over real sockets, and the fake."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from fakes import FakeBoard, FakeClock
from forges import OURS, READER, STRANGER, FakeForge, FakeGitHub, FakeGitLab, Trouble

from icesync.errors import (
    AccessError,
    ForgeReadOnly,
    ForgeRefused,
    ForgeUnreachable,
    IcesyncError,
    TextTooLong,
)
from icesync.forge.connect import CallOptions, open_thread
from icesync.model.pipeline import Forge, Pipeline, Post
from icesync.wire.reply import Reply

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from icesync.ports import IssueThread


@dataclass
class Setting:
    """A board, and the world behind it."""

    board: IssueThread
    say: Callable[..., Any]
    world: FakeForge | None

    def trouble(self, status: int, body: bytes = b"", **headers: str) -> None:
        """Let the world answer so to whatever comes next."""
        assert self.world is not None
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.world.troubles.append(Trouble(Reply(status, named, body), times=9))


KINDS = {Forge.GITHUB: (FakeGitHub, "acme/mail"), Forge.GITLAB: (FakeGitLab, "42")}


def connect(
    stack: ExitStack, forge: Forge, what: str, token: str = OURS, *, foreign: bool = False
) -> Setting:
    """Return a board of *forge*, for comments or issues."""
    make, project = KINDS[forge]
    world = stack.enter_context(make())
    page = "https://gitlab.example.test/acme/mail/-/merge_requests/7"
    place = Pipeline(
        forge, api_url=world.url, project=project, number=7, review_url=page, foreign=foreign
    )
    line = CallOptions("icesync/0.1.0", FakeClock(), 60)
    environ = {"ICESYNC_GITHUB_TOKEN": token, "GITLAB_TOKEN": token}
    title = None if what == "comments" else "something is to be sent"
    board = stack.enter_context(open_thread(place, environ, line, title))
    return Setting(board, world.say if what == "comments" else world.report, world)


FORGES = [Forge.GITHUB, Forge.GITLAB]
REAL = [(forge, what) for forge in FORGES for what in ("comments", "issues")]


@pytest.fixture(params=[*REAL, "fake"], ids=str)
def setting(request: pytest.FixtureRequest) -> Iterator[Setting]:
    """A board of each kind."""
    with ExitStack() as stack:
        if request.param == "fake":
            board = FakeBoard()
            yield Setting(board, board.say, None)
        else:
            yield connect(stack, *request.param)


@pytest.fixture(params=[*FORGES, "fake"])
def issues(request: pytest.FixtureRequest) -> Iterator[IssueThread]:
    """The issues of each kind."""
    with ExitStack() as stack:
        fake = request.param == "fake"
        yield FakeBoard() if fake else connect(stack, request.param, "issues").board


@pytest.fixture(params=REAL, ids=str)
def real(request: pytest.FixtureRequest) -> Iterator[Setting]:
    """A board of each forge."""
    with ExitStack() as stack:
        yield connect(stack, *request.param)


def texts(board: IssueThread) -> list[str]:
    """Return the texts of all posts."""
    return [post.text for post in board.posts()]


def test_nothing_is_there_at_first(setting: Setting) -> None:
    """An empty board has no posts."""
    assert texts(setting.board) == []


def test_post_is_found_again(setting: Setting) -> None:
    """What was posted stands there, as it was."""
    made = setting.board.post("Grüße, <b>`x`</b>\nzwei\n")

    assert list(setting.board.posts()) == [made]
    assert made.text == "Grüße, <b>`x`</b>\nzwei\n"


def test_posts_of_all_pages(setting: Setting) -> None:
    """Pages are followed to the last, and the order is that of posting."""
    for number in range(5):
        setting.say(f"text {number}")

    assert texts(setting.board) == [f"text {number}" for number in range(5)]


def test_posts_of_others_are_not_seen(setting: Setting) -> None:
    """Only what the token's own account wrote is there."""
    for token in (STRANGER, OURS, STRANGER, STRANGER):
        setting.say(f"by {token}", token)

    assert texts(setting.board) == [f"by {OURS}"]


def test_edit_replaces_the_text(setting: Setting) -> None:
    """An edit changes that post and no other."""
    first, second = (setting.board.post(text) for text in ("one", "two"))

    edited = setting.board.edit(second, "2")

    assert (edited.id, edited.text) == (second.id, "2")
    assert list(setting.board.posts()) == [first, edited]


def test_closed_issue_is_gone(issues: IssueThread) -> None:
    """What was closed is not among the posts any more."""
    first, _ = (issues.post(text) for text in ("one", "two"))

    issues.close(first)

    assert texts(issues) == ["two"]


def test_removed_post_is_gone(setting: Setting) -> None:
    """A double is taken away, whatever the forge calls it; the other stays."""
    kept, double = setting.board.post("one"), setting.board.post("two")

    setting.board.remove(double)

    assert list(setting.board.posts()) == [kept]


def test_long_text_is_refused_as_such(real: Setting) -> None:
    """A text that the forge does not keep is told from other refusals."""
    made = real.board.post("short")

    for write in (real.board.post, lambda text: real.board.edit(made, text)):
        with pytest.raises(TextTooLong, match="too long"):
            write("x" * 65_537)

    assert texts(real.board) == ["short"]


@pytest.mark.parametrize(
    ("status", "body", "kind", "said"),
    [
        (500, b"<html>oops</html>", ForgeUnreachable, "HTTP 500"),
        (502, b"", ForgeUnreachable, "HTTP 502"),
        (200, b"<html>a login page</html>", ForgeUnreachable, "sent invalid"),
        (200, b"[" * 100_000, ForgeUnreachable, "sent invalid"),
        (200, b"{}", IcesyncError, "sent an invalid|does not tell"),
        (200, b"[1, 2]", IcesyncError, "sent an invalid|does not tell"),
        (302, b"", ForgeRefused, "HTTP 302"),
        (401, b'{"message":"Bad"}', AccessError, "rejected the token"),
        (403, b'{"message":"Resource not accessible"}', ForgeReadOnly, "not accessible"),
        (404, b'{"message":"Not Found"}', ForgeRefused, "does not exist"),
        (422, b'{"message":"Validation Failed","errors":["odd",{"message":"b"},3]}', ForgeRefused,
         "Validation Failed; odd; b; 3"),
        (429, b"Retry later", ForgeUnreachable, "HTTP 429"),
    ],
)  # fmt: skip
def test_failures_have_names(
    real: Setting, status: int, body: bytes, kind: type[Exception], said: str
) -> None:
    """Each way of refusing is an error of its own, when writing as when looking."""
    real.trouble(status, body)

    with pytest.raises(kind, match=said):
        real.board.post("text")


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (500, b"<html>oops</html>", ForgeUnreachable),
        (200, b"garbage", ForgeUnreachable),
        (401, b"{}", AccessError),
        (429, b"", ForgeUnreachable),
    ],
)
def test_failures_while_looking(
    real: Setting, status: int, body: bytes, kind: type[Exception]
) -> None:
    """A forge that cannot be looked at is not an empty one."""
    real.trouble(status, body)

    with pytest.raises(kind):
        texts(real.board)


@pytest.mark.parametrize("forge", FORGES)
def test_rate_limit_says_how_long(forge: Forge) -> None:
    """Whoever is asked to slow down learns for how long."""
    with ExitStack() as stack:
        setting = connect(stack, forge, "comments")
        assert setting.world is not None
        setting.world.troubles.append(Trouble(setting.world.rate_limit(17)))
        with pytest.raises(ForgeUnreachable) as caught:
            texts(setting.board)

    assert caught.value.wait_s == 17


@pytest.mark.parametrize("forge", FORGES)
@pytest.mark.parametrize("what", ["comments", "issues"])
def test_token_that_may_only_read(forge: Forge, what: str) -> None:
    """A read-only token sees the posts, and is told apart when it writes."""
    with ExitStack() as stack:
        setting = connect(stack, forge, what, READER)
        post = setting.say("ours")
        assert texts(setting.board) == ["ours"]
        for write in (setting.board.post, lambda text: setting.board.edit(Post(1, "", ""), text)):
            with pytest.raises(ForgeReadOnly, match="HTTP 403"):
                write("text")

    assert (
        post[setting.world.text_field if what == "issues" and setting.world else "body"] == "ours"
    )


@pytest.mark.parametrize("forge", FORGES)
def test_a_fork_is_told_that_there_is_nothing(forge: Forge) -> None:
    """For a fork's token, a 404 is how some forges say that it may not."""
    with ExitStack() as stack:
        setting = connect(stack, forge, "comments", foreign=True)
        setting.trouble(404, b"{}")

        with pytest.raises(ForgeReadOnly, match="HTTP 404"):
            setting.board.post("text")


@pytest.mark.parametrize("forge", FORGES)
def test_unknown_token(forge: Forge) -> None:
    """A token that the forge does not know is nobody's."""
    with ExitStack() as stack:
        setting = connect(stack, forge, "comments", "wrong-token-0000")
        with pytest.raises((AccessError), match="HTTP 401") as caught:
            texts(setting.board)

    assert "0000" not in str(caught.value)


@pytest.mark.parametrize("forge", FORGES)
def test_forge_that_is_gone(forge: Forge) -> None:
    """Where nobody listens, nothing was reached."""
    with ExitStack() as stack:
        with ExitStack() as inner:
            url = inner.enter_context(KINDS[forge][0]()).url
        place = Pipeline(forge, api_url=url, project=KINDS[forge][1], number=7)
        line = CallOptions("icesync/0.1.0", FakeClock(), 60)
        environ = {"GITHUB_TOKEN": OURS, "GITLAB_TOKEN": OURS}
        board = stack.enter_context(open_thread(place, environ, line))
        with pytest.raises(ForgeUnreachable, match="is unreachable: no connection"):
            texts(board)


@pytest.mark.parametrize("forge", FORGES)
def test_no_call_after_the_end(forge: Forge) -> None:
    """When the time is over, nothing more is sent."""
    with ExitStack() as stack:
        make, project = KINDS[forge]
        world = stack.enter_context(make())
        place = Pipeline(forge, api_url=world.url, project=project, number=7)
        environ = {"GITHUB_TOKEN": OURS, "GITLAB_TOKEN": OURS}
        clock = FakeClock()
        board = stack.enter_context(open_thread(place, environ, CallOptions("icesync", clock, 60)))
        clock.advance(60)
        with pytest.raises(ForgeUnreachable, match="in time"):
            board.post("text")

    assert world.calls == []
