from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from fakes import FakeBoard, FakeClock

from icesync.codec.marker import Marker, encode_marker
from icesync.engine.comment import close, outdate, upsert
from icesync.errors import ForgeMissing, ForgeReadOnly, ForgeUnreachable, TextTooLong
from icesync.model.pipeline import Post, Posted, PostedHow

if TYPE_CHECKING:
    from icesync.engine.comment import Draft

PLAN = Marker("plan", "mail")
OTHER = Marker("plan", "other")
LINE = encode_marker(PLAN)
DOWN = ForgeUnreachable("down")


def writing(text: str) -> Draft:
    """Return a draft that always wants *text* below the marker."""
    return lambda _before, _most: f"{LINE}\n{text}\n"


def put(board: FakeBoard, text: str = "new", clock: FakeClock | None = None) -> Posted:
    """Post *text* within a minute."""
    return upsert(board, PLAN, writing(text), clock or FakeClock(), 60)


def test_first_is_posted() -> None:
    """Where there is none, one is made."""
    board = FakeBoard()

    assert put(board) == Posted(PostedHow.NEW, "https://fake.test/1")
    assert board.texts == [f"{LINE}\nnew\n"]


def test_second_replaces_the_first() -> None:
    """Where there is one, it is edited, and what is about something else is not."""
    board = FakeBoard()
    others = [f"{encode_marker(OTHER)}\nold", f"quoted:\n{LINE}\nold"]
    for text in (others[0], f"{LINE}\nold", others[1]):
        board.say(text)

    assert put(board) == Posted(PostedHow.EDITED, "https://fake.test/2")
    assert board.texts == [others[0], f"{LINE}\nnew\n", others[1]]


def test_doubles_of_a_race_are_removed() -> None:
    """Two runs at once may have posted two: the next one keeps the first, and no other."""
    board = FakeBoard()
    for text in (f"{LINE}\none", "hello", f"{LINE}\ntwo", f"{LINE}\nthree"):
        board.say(text)

    assert put(board) == Posted(PostedHow.EDITED, "https://fake.test/1")
    assert board.texts == [f"{LINE}\nnew\n", "hello"]


def marked(key: str, run: int | None, text: str = "plan") -> str:
    """Return a comment of the run *run* about *key*."""
    return f"{encode_marker(Marker('plan', key, run=run))}\n{text}\n"


def test_all_parts_of_a_configuration_are_out_of_date() -> None:
    """Whatever shard a comment is about; not what this run, a later one or others posted."""
    before = [
        marked("mail --shard 1/2", 7), marked("mail --shard 2/2", 8), marked("mail", None),
        marked("mail staging.yaml", 7), marked("mail/eu --shard 1/2", 7),
        marked("mail --organization 59", 9), "hello",
    ]  # fmt: skip
    board = FakeBoard()
    for text in before:
        board.say(text)

    posted = outdate(board, replace(PLAN, run=8), lambda text: f"{text}old\n", FakeClock(), 60)

    changed = [new != old for new, old in zip(board.texts, before, strict=True)]
    assert changed == [True, False, True, False, False, False, False]
    assert posted.how is PostedHow.EDITED


def test_a_comment_that_was_deleted_meanwhile_is_made_anew() -> None:
    """Between the search and the edit somebody deleted it: the run looks again, and posts."""

    class Deleting(FakeBoard):
        def edit(self, post: Post, text: str) -> Post:
            self.remove(post)
            raise ForgeMissing(f"HTTP 404 instead of {text}")

    board = Deleting()
    board.say(f"{LINE}\nold")

    assert put(board).how is PostedHow.NEW
    assert board.texts == [f"{LINE}\nnew\n"]


def test_closing_ends_every_double() -> None:
    """An issue that was opened twice is closed twice."""
    board = FakeBoard()
    board.say(f"{LINE}\none")
    board.say(f"{LINE}\ntwo")

    assert close(board, PLAN, FakeClock(), 60).how is PostedHow.CLOSED
    assert board.texts == []


def test_who_asks_to_wait_is_given_the_whole_time() -> None:
    """A secondary limit asks for a minute, each time; it ends within the time that is left."""
    limited = ForgeUnreachable("slow down", wait_s=60)
    board, clock = FakeBoard(*[limited] * 6), FakeClock()

    posted = upsert(board, PLAN, writing("new"), clock, clock.monotonic() + 600)

    assert posted.how is PostedHow.NEW


def test_same_is_left() -> None:
    """A text that is there already is not written again, whatever the line ends."""
    board = FakeBoard()
    board.say(f"{LINE}\r\nnew")

    assert put(board).how is PostedHow.SAME
    assert board.writes == []


def test_draft_sees_what_is_there() -> None:
    """Whoever writes the text knows the one before, and may leave it."""
    board, seen = FakeBoard(), []

    def draft(before: str | None, _most: int) -> None:
        seen.append(before)

    first = upsert(board, PLAN, draft, FakeClock(), 60)
    board.say(f"{LINE}\nold")
    second = upsert(board, PLAN, draft, FakeClock(), 60)

    assert (first.how, first.url, second.how) == (PostedHow.NOTHING, "", PostedHow.NOTHING)
    assert seen == [None, f"{LINE}\nold"]


def test_outage_is_waited_for() -> None:
    """A forge that is down for a moment is tried again, a little later each time."""
    board, clock = FakeBoard(DOWN, DOWN, DOWN), FakeClock()

    assert put(board, clock=clock).how is PostedHow.NEW
    assert clock.sleeps == [1, 2, 4]


def test_long_outage_is_an_error() -> None:
    """After five tries somebody else has to look."""
    clock = FakeClock()

    with pytest.raises(ForgeUnreachable, match="down"):
        put(FakeBoard(*[DOWN] * 9), clock=clock)

    assert clock.sleeps == [1, 2, 4, 8]


def test_outage_ends_with_the_time() -> None:
    """No wait goes beyond the end."""
    clock = FakeClock()
    clock.advance(56)

    with pytest.raises(ForgeUnreachable, match=r"^down$"):
        put(FakeBoard(*[DOWN] * 9), clock=clock)

    assert clock.sleeps == [1, 2]


def test_rate_limit_is_waited_for() -> None:
    """A forge that names a time gets it."""
    clock = FakeClock()

    put(FakeBoard(ForgeUnreachable("slow down", wait_s=17)), clock=clock)

    assert clock.sleeps == [17]


def test_rate_limit_that_is_too_long() -> None:
    """A wait that does not fit is not begun, and the way out is named."""
    clock = FakeClock()

    with pytest.raises(ForgeUnreachable, match="slow down; it asks to wait 3600 s") as caught:
        put(FakeBoard(ForgeUnreachable("slow down", wait_s=3600)), clock=clock)

    assert clock.sleeps == []
    assert "--timeout" in caught.value.hints[0]


def test_lost_reply_posts_once() -> None:
    """A post whose reply was lost is found, not made again."""
    board = FakeBoard()
    board.lost = DOWN

    assert put(board).how is PostedHow.SAME
    assert board.writes == ["post"]


def test_refusal_is_not_repeated() -> None:
    """What would be refused again is refused at once."""
    board = FakeBoard(None, ForgeReadOnly("no"), None)

    with pytest.raises(ForgeReadOnly):
        put(board)

    assert board.texts == []


def test_long_text_is_written_shorter() -> None:
    """Where a forge keeps less, the draft is asked for less."""
    board = FakeBoard(most_bytes=20_000)
    board.say(f"{LINE}\nold")

    upsert(board, PLAN, lambda _, most: LINE + "x" * (most - len(LINE)), FakeClock(), 60)

    assert [len(text) for text in board.texts] == [10_000]


def test_text_that_is_too_long_even_then() -> None:
    """There is an end to shortening."""
    with pytest.raises(TextTooLong):
        put(FakeBoard(most_bytes=5))


def test_close() -> None:
    """The issue of the marker ends, no other."""
    board = FakeBoard()
    board.say(f"{encode_marker(OTHER)}\nold")
    board.say(f"{LINE}\nold")

    assert close(board, PLAN, FakeClock(), 60) == Posted(PostedHow.CLOSED, "https://fake.test/2")
    assert board.texts == [f"{encode_marker(OTHER)}\nold"]


def test_nothing_to_close() -> None:
    """What is not there is closed already."""
    assert close(FakeBoard(DOWN), PLAN, FakeClock(), 60) == Posted(PostedHow.NOTHING)


def test_an_older_run_writes_over_no_newer_one() -> None:
    """Runs end in any order; what stands there is of the latest."""
    board = FakeBoard()
    for run, text in ((7, "seven"), (6, "six"), (8, "eight")):
        marker = replace(PLAN, run=run)
        drafted = f"{encode_marker(marker)}\n{text}\n"
        posted = upsert(board, marker, lambda _, __, text=drafted: text, FakeClock(), 60)

        [post] = board.posts()
        assert (posted.how is PostedHow.OLDER) is (run == 6)
        assert ("eight" if run == 8 else "seven") in post.text
