"""
No text starts a command, a markup or an escape in any report.

The texts come from files, replies, lock owners and folders; they are made of
what the formats and their readers take for more than text.
"""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from builders import SUPPORT, desired, entry, plan, server, snapshot
from documents import demand_fit
from hypothesis import example, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from probes import hostile_probe
from reviews import GITHUB, VIEW

from icesync.diagnostics import Diagnostic, SourcePosition
from icesync.model.plan import Action, Refusal
from icesync.model.report import (
    Command,
    CommandResult,
    ExpiringCertificate,
    Failure,
    Maintenance,
    Outcome,
    OutcomeKind,
    Report,
    Result,
    ResultStatus,
)
from icesync.render import kinds_for, renderer
from icesync.render.github import encode_outputs, render_annotations
from icesync.render.gitlab import open_section
from icesync.render.text import headline

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from markdown_it.token import Token

PIECES = (
    "::error::x", "::add-mask::x", "::stop-commands::t", "##[error]x", "##vso[task.complete]x",
    "```", "````", "`", "~~~", "<!-- icesync:plan -->", "-->", "<script>x</script>", "<b>", "|",
    "</details>", "\\", "](https://evil.example)", "![x](y)", "@team", "#12", "/close", "* x",
    "- x", "1. x",
    "# x", "]]>", "&amp;", "&", '"', "'", "<", ">", "%0A::error::x", "%25", "\x1b[31m",
    "\x1b]0;x\x07", "\n", "\r", "\n::error::x", "\nname=value", "\u2028", "\u202e", "\u200b",
    "\x00", "\x08", "\x85", "\ufffe", "\ud800", "ä", "字", "https://evil.example", " ", "a",
    "section_start:1:x\r",
)  # fmt: skip

HOSTILE = st.lists(st.sampled_from(PIECES), min_size=1, max_size=6).map("".join)

WORST = "\n```\n::error::x\n##[group]x</details><script>|`@team --> \x1b[31m%0A::x ]]> \ud800"

ENTITIES = re.compile(r"&#?\w+;")


def reviews(text: str) -> Iterator[CommandResult]:
    """Yield reviews in which *text* stands wherever a text can stand."""
    place = SourcePosition(f"servers/{text}.yaml", 3, 4)
    found = (Diagnostic("ICE401", text, place, text), Diagnostic("ICE301", f"`{text}", place))
    wanted = server(SUPPORT, {"smtp.password": "x"}, text, smtp__host=text, smtp__username=text)
    made = plan(desired(wanted), snapshot({SUPPORT: entry(smtp__host=f"{text}!")}))
    made = replace(made, changes=tuple(replace(c, place=place) for c in made.changes))
    refusals = (Refusal(text, text, text, SUPPORT),)
    failure = Failure(text, (text,), 9)
    outcome = Outcome(OutcomeKind.REJECTED, text)
    ended = Result(SUPPORT, Action.UPDATE, ResultStatus.FAILED, outcome)
    report = Report((ended,), 1, 0.5, text)
    files = (place.file,)
    yield CommandResult(Command.VALIDATE, found, files, 1, exit_code=3)
    yield CommandResult(Command.PLAN, found, files, 1, made, refusals)
    yield CommandResult(Command.PLAN, found, files, failure=failure, exit_code=9)
    yield CommandResult(
        Command.APPLY, found, files, 1, made, report=report, failure=failure, exit_code=7
    )
    probed = hostile_probe(text, place)
    yield CommandResult(Command.PROBE, probe=probed, failure=failure, exit_code=11)
    yield CommandResult(Command.PLAN, found, files, 1, made, refusals, probe=probed)
    maintenance = Maintenance(
        probed.made_at, ending=(ExpiringCertificate(text, 25, probed.made_at, (SUPPORT,)),)
    )
    yield CommandResult(
        Command.CHECK,
        found,
        files,
        1,
        made,
        refusals,
        probe=probed,
        maintenance=maintenance,
        exit_code=2,
    )
    yield CommandResult(
        Command.CHECK, found, files, 1, made, refusals, failure=failure, exit_code=2
    )


def with_every_kind(text: str) -> Iterator[tuple[str, str]]:
    """Yield each kind of report with what it says of each review."""
    view = replace(VIEW, ci=replace(GITHUB, folder=text))
    for review in reviews(text):
        for kind in ("text", *kinds_for(review.command)):
            if kind != "html":
                yield kind, renderer(kind)(review, view)


@settings(max_examples=25)
@given(HOSTILE)
@example(WORST)
def test_no_format_starts_anything(text: str) -> None:
    """No line is a runner's command, no character starts an escape, every document is read."""
    for kind, shown in with_every_kind(text):
        lines = shown.split("\n")

        assert [line for line in lines if line.lstrip().startswith("::")] == [], kind
        assert "##[" not in shown
        assert "##vso[" not in shown
        if kind != "json":
            assert "".join(lines).isprintable(), kind
        shown.encode()


@settings(max_examples=25)
@given(HOSTILE)
@example(WORST)
def test_documents_are_read(text: str) -> None:
    """JSON is JSON, XML is XML, and JSON fits its schema whatever it holds."""
    for kind, shown in with_every_kind(text):
        if kind == "junit":
            ET.fromstring(shown)  # noqa: S314 - written by icesync itself
        elif kind in {"json", "sarif", "gitlab-codequality", "gitlab-terraform"}:
            document = json.loads(shown)
            if kind == "json":
                demand_fit(document)


@settings(max_examples=50)
@given(HOSTILE)
@example(WORST)
@example("# x")
@example("1. x")
def test_markdown_is_what_it_was_meant_to_be(text: str) -> None:
    """A reader of Markdown sees our headings, lists and folds, and nothing that a text made."""
    reader = MarkdownIt("gfm-like", {"linkify": False})
    view = replace(VIEW, ci=replace(GITHUB, folder=""))
    for review in reviews(text):
        tokens = reader.parse(renderer("markdown")(review, view))
        inline = [child for token in tokens for child in token.children or ()]
        html = [t.content for t in (*tokens, *inline) if t.type in {"html_block", "html_inline"}]
        links = [str(t.attrs["href"]) for t in inline if t.type == "link_open"]

        assert [tag for tag in html if not OURS.fullmatch(tag)] == []
        assert [url for url in links if not url.startswith("https://github.example/")] == []
        assert [t.type for t in inline if t.type in {"image", "strikethrough_open"}] == []
        assert sum(t.type == "heading_open" for t in tokens) == 1
        assert [t for t in tokens if t.type in {"ordered_list_open", "blockquote_open", "hr"}] == []
        plain = " ".join(_outside_of_code(inline))
        assert re.search(r"[@#]\w", ENTITIES.sub("", plain)) is None


def _outside_of_code(tokens: Iterable[Token]) -> Iterator[str]:
    """Yield the texts in which a forge looks for names: those of code are left alone."""
    inside = False
    for token in tokens:
        if token.type == "html_inline":
            inside = token.content == "<code>" or (inside and token.content != "</code>")
        elif token.type == "text" and not inside:
            yield token.content


OURS = re.compile(
    r"<!-- icesync:\w+ \{[^<>]*\} -->\n|</?sub>|</?code>|</details>\n?|"
    r"<details><summary>[\w ]+</summary>\n?"
)


@settings(max_examples=50)
@given(HOSTILE)
@example(WORST)
def test_annotation_is_one_command(text: str) -> None:
    """Each line is the command that was meant; its message and names hold no other."""
    for review in reviews(text):
        for line in render_annotations(review, replace(GITHUB, folder=text)).split("\n")[:-1]:
            level, _, rest = line.removeprefix("::").partition(" ")
            properties, _, _ = rest.partition("::")

            assert level in {"error", "warning", "notice"}
            assert all("=" in one for one in properties.split(","))
            assert line.isprintable()
            assert "##[" not in line


@given(HOSTILE)
@example(WORST)
def test_section_is_one_section(text: str) -> None:
    """The title of a section opens no other one."""
    review = CommandResult(Command.PLAN, failure=Failure(text))
    opened = open_section("a", f"{headline(review)} {text}", 1)

    assert opened.count("\x1b") == 2
    assert opened.count("\n") == opened.count("\r") == 1


@given(HOSTILE, HOSTILE)
def test_outputs_stay_apart(one: str, two: str) -> None:
    """A value of a step's outputs is read back as it was, and none of another name is made."""
    names = list(_read_outputs(encode_outputs({"plan_path": one, "digest": two})))

    assert names == ["plan_path", "digest"]


def _read_outputs(text: str) -> Iterator[str]:
    """Yield the names in *text*, read as the runner reads it."""
    lines = iter(text.split("\n"))
    for line in lines:
        if not line:
            continue
        name, _, end = line.partition("<<")
        if "=" in name or not end:
            yield line.partition("=")[0]
            continue
        yield name
        while next(lines) != end:
            pass


def test_control_hostile_markdown_is_found() -> None:
    """The reader would see markup, if there were some."""
    tokens = MarkdownIt("gfm-like", {"linkify": False}).parse("# a\n\n<script>x</script>\n")

    assert [t.type for t in tokens if t.type == "html_block"] == ["html_block"]


@pytest.mark.parametrize("piece", PIECES)
def test_each_piece_alone(piece: str) -> None:
    """Each piece stands in the reports, harmless: none is dropped to be safe."""
    for kind, shown in with_every_kind(piece):
        assert shown, kind
