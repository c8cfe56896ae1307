"""Post to the forge of the pipeline, and what happens where that is not permitted."""

from __future__ import annotations

import sys
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from icesync import bootstrap
from icesync.cli.files import read_named
from icesync.cli.github_files import append_summary
from icesync.engine.comment import close, mark, outdate, upsert
from icesync.errors import EXIT_OK, ConfigMalformed, ForgeReadOnly, UsageError, printable
from icesync.frozen import frozen
from icesync.render.comment import fit, stamp
from icesync.render.comment import outdate as old
from icesync.render.style import safe

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from icesync.cli.console import Console
    from icesync.cli.options import Common
    from icesync.model.pipeline import Pipeline, Posted
    from icesync.ports import Clock, IssueThread


@frozen
class Where:
    """The flags that say where to post; None is detected."""

    key: str | None
    forge: str
    api_url: str | None
    project: str | None
    ca_file: Path | None
    timeout_s: float
    number: int | None = None

    def find(self, folder: Path) -> Pipeline:
        """
        Return the pipeline with what these flags name.

        Raises:
            UsageError: they name none.

        """
        return bootstrap.find_place(
            bootstrap.read_pipeline(folder, self.forge),
            api_url=self.api_url,
            project=self.project,
            number=self.number,
        )


@frozen
class Comment:
    """A comment to post: *body* is a file, ``-`` for stdin."""

    body: Path | None
    outdated: bool
    only_changes: bool


@frozen
class Issue:
    """An issue to open, or to close."""

    body: Path | None
    title: str
    close: bool


def post_comment(common: Common, request: Comment, where: Where) -> int:
    """Carry out ``ci comment`` and return the exit code."""
    if request.outdated is (request.body is not None):
        raise UsageError(
            "use either --body FILE or --outdated", "run `icesync help ci comment` for examples"
        )
    place = where.find(common.folder)
    if place.number is None:
        raise UsageError(
            "this job does not run for a pull request or merge request",
            "run it for pull requests only, or pass --number 7",
        )
    text = None if request.body is None else _read(request.body)
    marker = mark(text, "plan", place.run, where.key, partial(_folder, common))

    def work(board: IssueThread, clock: Clock, deadline_s: float) -> Posted:
        if text is None:
            return outdate(board, marker, partial(old, run_url=place.run_url), clock, deadline_s)

        def draft(before: str | None, max_bytes: int) -> str | None:
            if before is None and request.only_changes and marker.changes == 0:
                return None
            return fit(stamp(text, marker), max_bytes, place.run_url)

        return upsert(board, marker, draft, clock, deadline_s)

    return _conduct(common, where, place, text, work)


def post_issue(common: Common, request: Issue, where: Where) -> int:
    """Carry out ``ci issue`` and return the exit code."""
    if request.close is (request.body is not None):
        raise UsageError(
            "use either --body FILE or --close", "run `icesync help ci issue` for examples"
        )
    place = replace(where.find(common.folder), number=None)
    text = None if request.body is None else _read(request.body)
    # Whatever the text is about, `--close` must find it again.
    marker = mark(text, "check", place.run, where.key, partial(_folder, common))
    marker = replace(marker, topic="check")

    def work(board: IssueThread, clock: Clock, deadline_s: float) -> Posted:
        if text is None:
            return close(board, marker, clock, deadline_s)
        marked = stamp(text, marker)
        return upsert(
            board, marker, lambda _, most: fit(marked, most, place.run_url), clock, deadline_s
        )

    return _conduct(common, where, place, text, work, request.title)


def _conduct(
    common: Common,
    where: Where,
    place: Pipeline,
    text: str | None,
    work: Callable[[IssueThread, Clock, float], Posted],
    title: str | None = None,
) -> int:
    """Do *work* on the board at *place*; a token that may only read is no failure."""
    clock = bootstrap.SystemClock()
    deadline_s = clock.monotonic() + where.timeout_s
    try:
        with bootstrap.open_thread(
            place, clock, deadline_s, title=title, ca_file=where.ca_file
        ) as thread:
            posted = work(thread, clock, deadline_s)
    except ForgeReadOnly as error:
        code = _degrade(common.console, place, error, text)
        if title is not None and not place.foreign:
            raise  # the issue was the only way to report it
        return code
    if posted.url:
        common.console.data(f"{safe(posted.url)}\n")
    common.console.talk(posted.how.value)
    return EXIT_OK


def _read(path: Path) -> str:
    data = sys.stdin.buffer.read() if str(path) == "-" else read_named(path)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise UsageError(f"{printable(path)} is not UTF-8") from None
    if not text.strip():
        raise UsageError(f"{printable(path)} is empty; nothing to post")
    return text


def _folder(common: Common) -> str:
    """Return the key that reports of this configuration have."""
    try:
        config = common.locate()
    except ConfigMalformed:
        raise UsageError("no icesync.yaml here to take the name from", "pass --key NAME") from None
    return bootstrap.read_pipeline(config.parent, part=[config.name]).key


def _degrade(console: Console, place: Pipeline, error: ForgeReadOnly, text: str | None) -> int:
    """Say that the token may only read, and put *text* where the run can."""
    who = "a run for a fork" if place.foreign else "the token"
    console.talk(f"warning: nothing was posted; {who} has read access only: {safe(error.message)}")
    for hint in () if place.foreign else error.hints:
        console.talk(f"hint: {safe(hint)}")
    if text is not None and append_summary(lambda most: fit(text.rstrip(), most, place.run_url)):
        console.talk("posted to the job summary instead")
    return EXIT_OK
