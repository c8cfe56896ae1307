"""
Post a text once: find what was posted before, and replace it.

Found is what bears the same marker and was written by the same account: a marker
alone could be put into a comment by anybody. After any failure that may pass,
the search starts again, so a post that arrived unseen is found and not doubled.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Final, TypeAlias

from icesync.codec.marker import Marker, read_marker
from icesync.errors import ForgeMissing, ForgeRefused, ForgeUnreachable, TextTooLong
from icesync.model.pipeline import Post, Posted, PostedHow

if TYPE_CHECKING:
    from icesync.ports import Clock, CommentThread, IssueThread


Draft: TypeAlias = Callable[[str | None, int], str | None]
"""What stands there now, if anything, and the most bytes, to what shall; None: leave it."""

_MAX_BYTES: Final = 60_000
"""GitHub keeps 65,536 characters of a comment, GitLab a million; both count what they add."""

_LESS_BYTES: Final = (30_000, 10_000)
"""What a forge is tried with that finds the first too long."""

_WAITS_S: Final = (1.0, 2.0, 4.0, 8.0)


def mark(
    text: str | None, topic: str, run: int | None, key: str | None, default_key: Callable[[], str]
) -> Marker:
    """Return by what the post of *text* is known: *key*, the text's own, or *default_key*'s."""
    found = read_marker(text) if text is not None else None
    if found is None:
        return Marker(topic, key or default_key(), run=run)
    return replace(found, key=key or found.key, run=run)


def upsert(
    board: CommentThread, marker: Marker, draft: Draft, clock: Clock, deadline_s: float
) -> Posted:
    """
    Let the post of *marker* on *board* be as *draft* wants it; give up at *deadline_s* of *clock*.

    Raises:
        AccessError: the token is not accepted.
        ForgeError: it could not be done.

    """
    return _patiently(lambda: _put(board, marker, draft), clock, deadline_s)


def outdate(
    board: CommentThread,
    marker: Marker,
    draft: Callable[[str], str],
    clock: Clock,
    deadline_s: float,
) -> Posted:
    """
    Let all posts about the configuration of *marker*, and its parts, be as *draft* says.

    What another part of the same run posted is not out of date, nor what a later run did.

    Raises:
        AccessError: the token is not accepted.
        ForgeError: it could not be done.

    """

    def once() -> Posted:
        posted = Posted(PostedHow.NOTHING)
        for post in list(board.posts()):
            before = read_marker(post.text)
            if before is None or not marker.covers(before):
                continue
            same_run = marker.run is not None and before.run == marker.run
            if marker.is_older_than(before) or (same_run and before.key != marker.key):
                continue
            done = _write(board, post, lambda text, _: draft(text or ""), _MAX_BYTES)
            posted = done if posted.how is not PostedHow.EDITED else posted
        return posted

    return _patiently(once, clock, deadline_s)


def close(board: IssueThread, marker: Marker, clock: Clock, deadline_s: float) -> Posted:
    """
    Close the issue of *marker*, if one is open; give up at *deadline_s* of *clock*.

    Raises:
        AccessError: the token is not accepted.
        ForgeError: it could not be done.

    """

    def once() -> Posted:
        found = _find(board, marker)
        for post in found:
            with suppress(ForgeMissing):  # somebody deleted it meanwhile
                board.close(post)
        return Posted(PostedHow.CLOSED, found[0].url) if found else Posted(PostedHow.NOTHING)

    return _patiently(once, clock, deadline_s)


def _patiently(once: Callable[[], Posted], clock: Clock, deadline_s: float) -> Posted:
    """Return what *once* comes to; try again while a forge is out of reach or asks to wait."""
    waits = iter(_WAITS_S)
    while True:
        try:
            return once()
        except ForgeUnreachable as error:
            # One that asks to wait is given the whole time, one that fails a few tries.
            wait_s = next(waits, error.wait_s)
            if wait_s is None:
                raise
            asked_s = max(wait_s, error.wait_s or 0.0)
            if clock.monotonic() + asked_s >= deadline_s:
                raise _given_up(error) from None
            clock.sleep(asked_s)


def _given_up(error: ForgeUnreachable) -> ForgeUnreachable:
    if error.wait_s is None:
        return error
    return ForgeUnreachable(
        f"{error.message}; it asks to wait {error.wait_s:.0f} s, which is too long",
        "pass --timeout 10m to wait longer",
        wait_s=error.wait_s,
    )


def _find(board: CommentThread, marker: Marker) -> list[Post]:
    """Return the posts of *marker*, oldest first: two runs at once may have made two."""
    return [post for post in board.posts() if marker.fits(read_marker(post.text))]


def _put(board: CommentThread, marker: Marker, draft: Draft) -> Posted:
    posts = _find(board, marker)
    for post in posts:
        before = read_marker(post.text)
        if before is not None and marker.is_older_than(before):
            return Posted(PostedHow.OLDER, post.url)
    posted = _write_some(board, posts[0] if posts else None, draft)
    for post in posts[1:]:
        # Another run may have been quicker: then it is gone already.
        with suppress(ForgeRefused):
            board.remove(post)
    return posted


def _write_some(board: CommentThread, found: Post | None, draft: Draft) -> Posted:
    """Write as much as the forge takes."""
    max_bytes = _MAX_BYTES
    for less_bytes in _LESS_BYTES:
        try:
            return _write(board, found, draft, max_bytes)
        except TextTooLong:
            max_bytes = less_bytes
    return _write(board, found, draft, max_bytes)


def _write(board: CommentThread, found: Post | None, draft: Draft, max_bytes: int) -> Posted:
    text = draft(None if found is None else found.text, max_bytes)
    if text is None:
        return Posted(PostedHow.NOTHING, found.url if found else "")
    if found is None:
        return Posted(PostedHow.NEW, board.post(text).url)
    if _content(found.text) == _content(text):
        return Posted(PostedHow.SAME, found.url)
    try:
        return Posted(PostedHow.EDITED, board.edit(found, text).url)
    except ForgeMissing as error:
        # Somebody deleted it since it was found: the search starts again.
        raise ForgeUnreachable(error.message, *error.hints) from None


def _content(text: str) -> tuple[Marker | None, str]:
    """Return what a text says, of whichever run."""
    first, _, rest = text.replace("\r\n", "\n").strip().partition("\n")
    marker = read_marker(first)
    return (None, f"{first}\n{rest}") if marker is None else (replace(marker, run=None), rest)
