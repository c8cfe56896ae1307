"""What ``icesync explain TOPIC`` prints, offline."""

from __future__ import annotations

import click
import pytest

from icesync.cli.main import program
from icesync.config.rules import RULES
from icesync.engine.topics import find_topic, topics
from icesync.errors import EXIT_CODES
from icesync.model.explanation import Topic
from icesync.model.plan import ALLOWED_OF_SERVERS, SAFEGUARDS, STATE_EDITED, Action
from icesync.model.presets import PRESETS
from icesync.model.project import OPTIONS, VARIABLES


def names(topic: str) -> set[str]:
    """Return the names on the page *topic*."""
    found = find_topic(topic)
    assert found is not None
    return {row.name for row in found.entries}


def every_command(command: click.Command, context: click.Context) -> list[click.Command]:
    """Return *command* and all below it."""
    if not isinstance(command, click.Group):
        return [command]
    below = [command.get_command(context, name) for name in command.list_commands(context)]
    return [command, *(each for one in below if one for each in every_command(one, context))]


@pytest.mark.parametrize(
    ("topic", "known"),
    [
        ("rules", set(RULES)),
        ("guards", {*ALLOWED_OF_SERVERS, SAFEGUARDS, STATE_EDITED}),
        ("limits", {path for path in OPTIONS if path.startswith("limits.")}),
        ("actions", set(Action)),
        ("exit-codes", {str(code) for code in EXIT_CODES}),
        ("presets", set(PRESETS)),
        ("configuration", set(OPTIONS)),
    ],
)
def test_a_page_names_all_that_there_is(topic: str, known: set[str]) -> None:
    """The reference cannot forget what was added to a table."""
    assert names(topic) == known


def test_every_variable_is_explained() -> None:
    """Those of the tables, and those that stand for an option of a command."""
    context = click.Context(program)
    options = {
        parameter.envvar
        for command in every_command(program, context)
        for parameter in command.params
        if isinstance(parameter.envvar, str)
    }
    tables = {name for line in VARIABLES for name in line.split(", ")}
    overrides = {row.variable for row in OPTIONS.values() if row.variable}

    assert names("environment") == options | tables | overrides


def test_every_sentence_is_there() -> None:
    """No page is empty, and no row lacks its sentence."""
    pages = topics()

    assert all(isinstance(page, Topic) and page.entries for page in pages)
    assert [r.name for page in pages for r in page.entries if not r.text.strip()] == []


@pytest.mark.parametrize(
    ("word", "topic"),
    [
        ("host-change", "guards"), ("limits.adds", "limits"), ("resend", "actions"),
        ("api.timeout_s", "configuration"), ("ICESYNC_ALLOW_HOST", "environment"),
    ],
)  # fmt: skip
def test_one_row_can_be_asked_for(word: str, topic: str) -> None:
    """What a plan prints can be explained by its own name."""
    found = find_topic(word)

    assert found is not None
    assert (found.name, [row.name for row in found.entries]) == (topic, [word])


def test_other_words_are_no_topic() -> None:
    """Addresses, providers and slips are somebody else's."""
    assert [find_topic(word) for word in ("59/663", "gmail", "limit", "")] == [None] * 4
