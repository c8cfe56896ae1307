from __future__ import annotations

import sys

import pytest

from icesync.config.severity import Point, Suppression, Suppressions, find_suppressions
from icesync.config.yaml_document import SourceFile
from icesync.diagnostics import SourcePosition

NODES = """\
# a head
version: 1
organization: 59
servers:
  # {0}
  - skill: 663  # {1}
    # {2}
    smtp:
      host: smtp.example.org
      # {3}
      port: 465
    imap: {{host: imap.example.org,
           port: 993}}  # {4}
  - skill: 664

    # {5}
    # another word

    name: Desk
# {6}
"""
ALLOW = "icesync: allow ICE304 because"


def _found(text: str) -> tuple[tuple[Suppression, ...], list[str]]:
    suppressions, problems = find_suppressions(SourceFile("a.yaml", text.encode()))
    return suppressions, [f"{p.position} {p.rule} {p.message} | {p.hint}" for p in problems]


def _span(place: int) -> tuple[Point, Point]:
    words = ["-"] * 7
    words[place] = ALLOW
    [found], problems = _found(NODES.format(*words))
    assert problems == []
    return found.first, found.last


@pytest.mark.parametrize(
    ("place", "span"),
    [
        pytest.param(0, ((6, 5), (13, 22)), id="above a server: all of it"),
        pytest.param(1, ((6, 5), (6, 15)), id="behind a setting: that setting"),
        pytest.param(2, ((8, 5), (11, 16)), id="above a block: the block"),
        pytest.param(3, ((11, 7), (11, 16)), id="above a setting: that setting"),
        pytest.param(4, ((12, 5), (13, 22)), id="behind a bracket: all in it"),
        pytest.param(5, ((19, 5), (19, 15)), id="other comments and blank lines come between"),
        pytest.param(6, ((20, 1), (20, 1)), id="below everything: nothing but itself"),
    ],
)
def test_what_a_suppression_covers(
    place: int, span: tuple[tuple[int, int], tuple[int, int]]
) -> None:
    """What a suppression covers follows from where it stands."""
    assert _span(place) == span


def test_a_suppression_before_the_first_key_covers_the_file() -> None:
    """At the top, it is about everything below."""
    [found], _ = _found(f"# {ALLOW}\n\n# words\nversion: 1\nname: x\n")

    assert (found.first, found.inner) == ((1, 1), (1, 1))
    assert found.last > (10**6, 0)


def test_several_rules_share_a_reason() -> None:
    """Ids are separated by commas or blanks, in any case; the rest is the reason."""
    suppressions, problems = _found("a: 1 # icesync: allow ICE304, ice308 ICE303 as printed\n")

    assert [w.rule for w in suppressions] == ["ICE304", "ICE308", "ICE303"]
    assert problems == []


@pytest.mark.parametrize(
    ("comment", "told"),
    [
        ("allow", "invalid suppression: no rule | use `# icesync: allow ICE303 reason`"),
        ("allow me", "invalid suppression: no rule | use `# icesync: allow ICE303 reason`"),
        (
            "alow ICE304 x",
            "invalid suppression: unknown word `alow` | use `# icesync: allow ICE303 reason`",
        ),
        (
            "allow ICE304",
            (
                "invalid suppression: no reason for ICE304 | "
                "add a reason: `# icesync: allow ICE304 reason`"
            ),
        ),
        ("allow ICE3O4 x", "invalid suppression: unknown rule ICE3O4 | did you mean ICE304?"),
        (
            "allow ICEBERG x",
            "invalid suppression: unknown rule ICEBERG | run `icesync explain rules` for a list",
        ),
        (
            "allow ICE401 x",
            (
                "ICE401 cannot be suppressed: a plaintext secret | "
                "run `icesync explain ICE401` for details"
            ),
        ),
    ],
)
def test_a_suppression_that_cannot_be_understood_is_told(comment: str, told: str) -> None:
    """It waives nothing, and says how it is written."""
    suppressions, problems = _found(f"version: 1\na: 1  # icesync: {comment}\n")

    assert suppressions == ()
    assert problems == [f"a.yaml:2:7 ICE014 {told}"]


def test_the_good_half_of_a_suppression_counts() -> None:
    """One unknown id does not undo the others."""
    suppressions, problems = _found("a: 1  # icesync: allow ICE304, ICE999 x\n")

    assert [w.rule for w in suppressions] == ["ICE304"]
    assert len(problems) == 1


@pytest.mark.parametrize(
    "text",
    [
        "a: '# icesync: allow ICE304 x'\n",
        'a: "b # icesync: allow ICE304 x"\n',
        "a: |\n  # icesync: allow ICE304 x\n",
        "a: 'b\n  # icesync: allow ICE304 x'\n",
        "a: b#icesync: allow ICE304 x\n",
        "a: [\n",
        "a: icesync: x\n",
    ],
)
def test_a_text_is_no_comment(text: str) -> None:
    """A `#` inside of a scalar waives nothing; a file that cannot be read has no suppressions."""
    assert _found(text) == ((), [])


def test_a_comment_below_a_block_text_is_a_comment() -> None:
    """A block text ends where its indentation ends."""
    [found], _ = _found(f"a: |-\n  text\n# {ALLOW}\nb: 1\n")

    assert (found.first, found.last) == ((4, 1), (4, 5))


def test_odd_line_ends_are_counted_alike() -> None:
    """A byte order mark and carriage returns move nothing."""
    [found], _ = _found(f"\ufeffversion: 1\r\na: 1  # {ALLOW}\r\n")

    assert found.position == SourcePosition("a.yaml", 2, 7)


SERVERS = """\
version: 1
servers:
  # icesync: allow ICE304 the whole server
  - skill: 1
    name: a
  - name: b
    skill: 2  # icesync: allow ICE304 what is about the server itself
  - {skill: 3}  # icesync: allow ICE304 the whole server
"""


def _suppressions(text: str) -> Suppressions:
    index = Suppressions()
    found, problems = find_suppressions(SourceFile("a.yaml", text.encode()))
    assert problems == ()
    index.add(found)
    return index


@pytest.mark.parametrize(
    ("line", "column", "elsewhere", "own"),
    [(4, 5, True, True), (7, 5, False, True), (8, 6, True, True)],
)
def test_a_whole_server_is_covered_wherever_its_values_come_from(
    line: int, column: int, *, elsewhere: bool, own: bool
) -> None:
    """Only what is about a whole server covers what its defaults bring along."""
    index = _suppressions(SERVERS)
    owner, default = SourcePosition("a.yaml", line, column), SourcePosition("_defaults.yaml", 3)

    assert index.cover("ICE304", default, owner) is elsewhere
    assert index.cover("ICE304", owner, owner) is own
    assert not index.cover("ICE303", owner, owner)
    assert not index.cover("ICE304", default, None)


def test_what_was_not_needed_is_known() -> None:
    """A suppression that covered nothing is unused, and one around it that did is not."""
    index = _suppressions(SERVERS.replace("version", "# icesync: allow ICE304 all\nversion"))

    index.cover("ICE304", SourcePosition("a.yaml", 7, 5), None)

    assert sorted(s.position.line for s in index.unused()) == [4, 8, 9]


def test_many_suppressions_cost_no_more_than_their_number() -> None:
    """Eight times as many, and as many findings, take about eight times as long."""

    def steps(count: int) -> int:
        text = "# icesync: allow ICE304 x\n" + "".join(
            f"a{n}: 1  # icesync: allow ICE304 x\n" for n in range(count)
        )
        index = _suppressions(text)
        calls = 0

        def count_calls(_: object, event: str, __: object) -> None:
            nonlocal calls
            calls += event == "call"

        sys.setprofile(count_calls)
        try:
            for n in range(count):
                index.cover("ICE304", SourcePosition("a.yaml", n + 2, 1), None)
        finally:
            sys.setprofile(None)
        assert list(index.unused()) == []
        return calls

    assert steps(4000) < 10 * steps(500)
