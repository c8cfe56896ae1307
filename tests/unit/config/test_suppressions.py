from __future__ import annotations

import pytest

from icesync.config.suppressions import Suppression, find_suppressions
from icesync.config.yaml.source import SourceFile
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
    waivers, problems = find_suppressions(SourceFile("a.yaml", text.encode()))
    return waivers, [f"{p.position} {p.rule} {p.message} | {p.hint}" for p in problems]


def _span(place: int) -> tuple[int, int]:
    words = ["-"] * 7
    words[place] = ALLOW
    [waiver], problems = _found(NODES.format(*words))
    assert problems == []
    return waiver.first, waiver.last


@pytest.mark.parametrize(
    ("place", "span"),
    [
        pytest.param(0, (6, 13), id="above a server: all of it"),
        pytest.param(1, (6, 6), id="at the end of a line: that line"),
        pytest.param(2, (8, 11), id="above a block: the block"),
        pytest.param(3, (11, 11), id="above a value: its line"),
        pytest.param(4, (13, 13), id="behind a bracket: that line"),
        pytest.param(5, (19, 19), id="other comments and blank lines come between"),
        pytest.param(6, (20, 20), id="below everything: nothing but itself"),
    ],
)
def test_what_a_waiver_covers(place: int, span: tuple[int, int]) -> None:
    """What a waiver covers follows from where it stands."""
    assert _span(place) == span


def test_a_waiver_before_the_first_key_covers_the_file() -> None:
    """At the top, it is about everything below."""
    [waiver], _ = _found(f"# {ALLOW}\n\n# words\nversion: 1\nname: x\n")

    assert (waiver.first, waiver.last >= 10**6, waiver.whole) == (1, True, True)


def test_several_rules_share_a_reason() -> None:
    """Ids are separated by commas or blanks, in any case; the rest is the reason."""
    waivers, problems = _found("a: 1 # icesync: allow ICE304, ice308 ICE303 as printed\n")

    assert [w.rule for w in waivers] == ["ICE304", "ICE308", "ICE303"]
    assert problems == []


@pytest.mark.parametrize(
    ("comment", "told"),
    [
        ("allow", "a waiver that names no rule | write `# icesync: allow ICE303 reason`"),
        ("allow me", "a waiver that names no rule | write `# icesync: allow ICE303 reason`"),
        (
            "alow ICE304 x",
            "a comment to icesync that starts with `alow` | write `# icesync: allow ICE303 reason`",
        ),
        (
            "allow ICE304",
            "a waiver of ICE304 without a reason | write why: `# icesync: allow ICE304 reason`",
        ),
        ("allow ICE3O4 x", "a waiver of the unknown rule ICE3O4 | did you mean ICE304?"),
        (
            "allow ICEBERG x",
            "a waiver of the unknown rule ICEBERG | icesync explain   lists the rules",
        ),
        (
            "allow ICE401 x",
            "ICE401 cannot be waived: a literal secret | icesync explain ICE401   says why",
        ),
    ],
)
def test_a_waiver_that_cannot_be_understood_is_told(comment: str, told: str) -> None:
    """It waives nothing, and says how it is written."""
    waivers, problems = _found(f"version: 1\na: 1  # icesync: {comment}\n")

    assert waivers == ()
    assert problems == [f"a.yaml:2:7 ICE014 {told}"]


def test_the_good_half_of_a_waiver_counts() -> None:
    """One unknown id does not undo the others."""
    waivers, problems = _found("a: 1  # icesync: allow ICE304, ICE999 x\n")

    assert [w.rule for w in waivers] == ["ICE304"]
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
    """A `#` inside of a scalar waives nothing; a file that cannot be read has no waivers."""
    assert _found(text) == ((), [])


def test_a_comment_below_a_block_text_is_a_comment() -> None:
    """A block text ends where its indentation ends."""
    [waiver], _ = _found(f"a: |\n  text\n# {ALLOW}\nb: 1\n")

    assert (waiver.first, waiver.last) == (4, 4)


def test_odd_line_ends_are_counted_alike() -> None:
    """A byte order mark and carriage returns move nothing."""
    [waiver], _ = _found(f"\ufeffversion: 1\r\na: 1  # {ALLOW}\r\n")

    assert waiver.position == SourcePosition("a.yaml", 2, 7)


def test_a_whole_server_is_covered_wherever_its_values_come_from() -> None:
    """Only a waiver of a node covers by its owner."""
    elsewhere, owner = SourcePosition("_defaults.yaml", 3), SourcePosition("a.yaml", 6, 5)
    node = Suppression("ICE304", SourcePosition("a.yaml", 5, 3), 6, 13, whole=True)
    line = Suppression("ICE304", SourcePosition("a.yaml", 6, 17), 6, 6, whole=False)

    assert node.covers(elsewhere, owner)
    assert not node.covers(elsewhere, None)
    assert not line.covers(elsewhere, owner)
    assert line.covers(owner, None)
