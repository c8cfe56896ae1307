from __future__ import annotations

import time

import pytest

from icesync.config.yaml_document import SourceFile
from icesync.config.yaml_tree import MAX_DEPTH, MAX_NODES, Tree, read_tree


def _read(text: str) -> Tree:
    return read_tree(SourceFile("a.yaml", text.encode()))


def test_first_of_two_equal_keys_is_kept() -> None:
    """What stands below a refused key neither replaces the first value nor mixes with it."""
    tree = _read("a: {b: 1}\na: {b: 2, c: [3]}\na: {b: 5}\nd: 4")

    assert [str(d.position) for d in tree.problems] == ["a.yaml:2:1", "a.yaml:3:1"]
    assert tree.position(("a", "b")) == (1, 8)
    assert tree.position(("a", "c")) == (1, 4)


def test_problem_of_the_parser_keeps_what_was_found() -> None:
    """A file that breaks off has the findings before the break too."""
    careful = _read("a: 1\na: 2\nb: [")

    assert [d.rule for d in careful.problems] == ["ICE106", "ICE006"]


@pytest.mark.parametrize(
    ("text", "rules"),
    [
        ("[" * MAX_DEPTH + "]" * MAX_DEPTH, []),
        ("[" * (MAX_DEPTH + 1), ["ICE004"]),
        ("[" + "1," * (MAX_NODES - 1) + "]", []),
        ("[" + "1," * MAX_NODES + "]", ["ICE004"]),
    ],
    ids=["deepest", "too deep", "most values", "too many values"],
)
def test_limits_are_exact(text: str, rules: list[str]) -> None:
    """The last value within a limit passes, the first beyond it does not."""
    found = [d.rule for d in _read(text).problems]

    assert found == rules


@pytest.mark.parametrize(
    ("aliases", "rules"),
    [(9_800, []), (10_000, ["ICE004"])],
    ids=["within", "beyond"],
)
def test_small_file_may_expand_to_ten_thousand_values(aliases: int, rules: list[str]) -> None:
    """Aliases have a floor to spend, so that honest reuse in a small file passes."""
    text = f"a: &a [{'1,' * 98}]\nb: [{'*a,' * (aliases // 99)}]"

    assert [d.rule for d in _read(text).problems] == rules


def test_tag_on_a_key_is_refused() -> None:
    """Keys are plain words."""
    [finding] = _read("!x a: 1").problems

    assert (finding.rule, finding.position.column) == ("ICE009", 1)


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
    pop3:  # icesync: allow ICE6 f
      host: b  # words # icesync: allow ICE7 g
    # icesync: allow ICE8 h
# icesync: allow ICE9 i
"""


def test_what_a_directive_is_about() -> None:
    """One above is about what begins below, one behind about what stands on its line."""
    server = ("servers", 0)
    tree = _read(TEXT)
    found = {
        text.split()[1]: (subject and subject.path, tree.place(start)[0])
        for text, start, subject in tree.directives()
    }

    assert found == {
        "ICE1": ((), 1),
        "ICE2": (("servers",), 3),
        "ICE3": (server, 5),
        "ICE4": ((*server, "smtp"), 9),
        "ICE5": ((*server, "tls"), 10),
        "ICE6": ((*server, "pop3"), 12),
        "ICE7": ((*server, "pop3", "host"), 13),
        "ICE8": (None, 14),
        "ICE9": (None, 15),
    }


@pytest.mark.parametrize(
    "text",
    [
        "a: |-\n  x" + "\n" * 1_000_000 + "  y\n",
        "a: 'x'  " + "# " * 900_000 + "\n# icesync: allow ICE304 x\nb: 1\n",
        "a: '" + "# icesync: allow ICE304 x " * 70_000 + "'\n",
        "a:\n" + "# c\n" * 400_000 + "  b: 1\n",
        "a: [" + "1, # c\n" * 40_000 + "]\n",
    ],
    ids=["blank lines", "hashes", "a text", "comments", "brackets"],
)
def test_small_file_holds_no_job(text: str) -> None:
    """Each step of reading takes time by the size of the file, however it is made."""
    before = time.process_time()

    list(_read(text).directives())

    assert time.process_time() - before < 20


def test_backslash_that_became_a_character_is_named() -> None:
    """Who writes a Windows login in double quotes learns what the backslash did."""
    tree = _read(r'a: {user: "CORP\billing", other: "x\x08"}')

    assert [(d.message, d.hint) for d in tree.problems] == [
        (
            "the value contains the character U+0008 (`\\b` in double quotes)",
            "use single quotes for a literal backslash; use one line of printable text",
        ),
        ("the value contains the character U+0008", "use one line of printable text"),
    ]
