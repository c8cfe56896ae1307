from __future__ import annotations

import pytest

from icesync.config.fmt import format_source
from icesync.config.yaml.directives import find_directives
from icesync.config.yaml.source import SourceFile

TEXT = """\
# icesync: allow ICE1 a
version: 1
# icesync: allow ICE2 b
servers:
  # icesync: allow ICE3 c

  # more
  - skill: 1
    smtp: {host: a, port: 25}  # icesync: allow ICE4 d
    # icesync: allow ICE5 e
    tls: false
# icesync: allow ICE6 f
"""


def test_what_a_comment_is_about() -> None:
    """A comment above is about what begins below, one behind about its line."""
    server = ("servers", 0)

    assert [(subject, line) for _, subject, line in find_directives(TEXT)] == [
        ({()}, 1),
        ({("servers",)}, 3),
        ({server}, 5),
        ({(*server, "smtp"), (*server, "smtp", "host"), (*server, "smtp", "port")}, 9),
        ({(*server, "tls")}, 10),
        (set(), 12),
    ]


def test_silence_costs_nothing() -> None:
    """A file without a word to icesync is not read again."""
    assert find_directives("a: 'x#icesync: y'  # icesync, they say\n") == []


@pytest.mark.parametrize(
    "text",
    [
        "servers:\n  - name: a\n    # icesync: allow ICE1 b\n    skill: 1\n",
        "servers:\n  - name: a  # icesync: allow ICE1 b\n    skill: 1\n",
        "servers:\n  - # icesync: allow ICE1 b\n    skill: 1\n",
    ],
)
def test_file_whose_waiver_would_widen_is_left_alone(text: str) -> None:
    """No layout lets a waiver excuse more, or something else, than it did."""
    source = SourceFile("a.yaml", text.encode())

    [problem] = format_source(source).problems

    assert format_source(source).after == source.data
    assert "would be about something else" in problem.message
    assert problem.position.line == text[: text.index("#")].count("\n") + 1


@pytest.mark.parametrize(
    "text",
    [
        "servers:\n# icesync: allow ICE1 b\n- name: a\n  skill: 1\n",
        "servers:\n- skill: 1 # icesync: allow ICE1 b\n  tls: no # icesync: allow ICE2 b\n\n",
        "defaults:\n  tls: false # icesync: allow ICE1 b\n  ssl: true # icesync: allow ICE1 b\n",
    ],
)
def test_file_whose_waivers_stay_is_laid_out(text: str) -> None:
    """Waivers move along with what they excuse."""
    formatted = format_source(SourceFile("a.yaml", text.encode()))

    assert formatted.problems == ()
    assert formatted.changed
