"""Mistakes as people make them, each at its line and in words that say what to do."""

from __future__ import annotations

import pytest

from icesync.config.yaml_document import SourceFile, parse_document

FILE = """\
version: 1
organization: 59
defaults:
  status: Enabled
  tls: true
servers:
  - skill: 663
    name: Support EU
    smtp:
      host: smtp.example.org
      port: 587
      username: desk
    imap: {host: imap.example.org, port: 993}
  - {skill: 664, name: Sales}
  - skill: 665
    name: Desk
    spoofing:
      enabled: true
      address: desk@example.org
removed:
  - {skill: 9, action: forget}
"""

MISTAKES = [
    # a colon or its blank
    ("organization: 59", "organization 59", "2:1", "a key without a colon"),
    ("organization: 59", "organization:59", "2:1", "no space after the colon"),
    ("organization: 59", "organization;59", "2:1", "a key without a colon"),
    ("version: 1", "version 1", "1:1", "a key without a colon"),
    ("defaults:", "defaults", "3:1", "a key without a colon"),
    ("servers:", "servers", "6:1", "a key without a colon"),
    ("tls: true", "tls:true", "5:3", "no space after the colon"),
    ("    smtp:", "    smtp", "9:5", "a key without a colon"),
    ("host: smtp", "host:smtp", "10:7", "no space after the colon"),
    ("port: 587", "port:587", "11:7", "no space after the colon"),
    ("port: 587", "port 587", "11:7", "a key without a colon"),
    ("port: 587", "port:\u00a0587", "11:12", "U+00A0 NO-BREAK SPACE instead of a space"),
    ("port: 587", "port:\u3000587", "11:12", "U+3000 IDEOGRAPHIC SPACE instead of a space"),
    ("username: desk", "username:\u00a0desk", "12:16", "U+00A0 NO-BREAK SPACE instead"),
    ("username: desk", "username:desk", "12:7", "no space after the colon"),
    ("username: desk", "username desk", "12:7", "a key without a colon"),
    ("address: desk", "address:desk", "19:7", "no space after the colon"),
    # dashes and indentation
    ("  - skill: 663", "  -skill: 663", "7:3", "no space after the dash"),
    ("  - skill: 663", "  -\tskill: 663", "7:4", "a tab instead of a space"),
    ("  - skill: 665", " - skill: 665", "15:2", "the indentation does not match"),
    ("  - skill: 665", "   - skill: 665", "15:4", "the indentation does not match the list"),
    ("      port: 587", "     port: 587", "11:6", "the indentation does not match"),
    ("      port: 587", "\t  port: 587", "11:1", "a tab in the indentation"),
    ("      port: 587", "       port: 587", "11:12", "an unexpected colon"),
    # quotes
    ("name: Support EU", "name: 'Support EU", "8:11", "an unclosed quote"),
    ("name: Desk", 'name: "Desk', "16:11", "an unclosed quote"),
    (
        "name: Support EU\n    smtp:\n      host: smtp.example.org",
        "name: 'Support EU\n    smtp:\n      host: 'smtp.example.org'",
        "8:11",
        "an unclosed quote (the next one is in line 10",
    ),
    ("name: Support EU", "name: 'Support' EU", "8:21", "unexpected text after a value"),
    ("name: Support EU", 'name: "a\\qb"', "8:13", "an unknown escape sequence"),
    # brackets
    ("port: 993}", "port: 993", "13:11", "an unclosed bracket, still open"),
    ("name: Sales}", "name: Sales", "14:5", "an unclosed bracket, still open"),
    ("action: forget}", "action: forget", "21:5", "still open at the end"),
    ("name: Support EU", "name: [Support EU", "8:11", "an unclosed bracket"),
    ("664, name", "664 name", "14:21", "a missing comma"),
    ("port: 993}", "port: 993,, }", "13:46", "a value is missing before this"),
    (
        "{host: imap.example.org, port: 993}",
        "{\n      host: imap.example.org\n      port: 993,\n    }",
        "15:11",
        "a missing comma",
    ),
    # what starts a value
    ("name: Sales", "name: *Sales", "14:24", "an alias without an anchor"),
    ("name: Sales", "name: @Sales", "14:24", "a character that cannot start a value"),
    ("name: Support EU", "name: `x`", "8:11", "a character that cannot start a value"),
    ("name: Support EU", "name: a: b", "8:12", "an unexpected colon"),
    ("name: Support EU", "name: &", "8:12", "a `*` or `&` that is not an alias"),
    ("name: Support EU", "name: !x y", "8:11", "a tag"),
]


@pytest.mark.parametrize(("right", "wrong", "place", "words"), MISTAKES)
def test_mistake_is_told_where_it_is(right: str, wrong: str, place: str, words: str) -> None:
    """One finding, at the line of the mistake, wherever libyaml gave up."""
    assert right in FILE
    text = FILE.replace(right, wrong, 1)

    [finding] = parse_document(SourceFile("a.yaml", text.encode())).problems

    assert f"{finding.position.line}:{finding.position.column}" == place
    assert words in finding.message
    assert finding.hint


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_place_is_that_of_an_editor(end: str, mark: str) -> None:
    """Line ends of Windows and a byte order mark move nothing."""
    text = mark + FILE.replace("port: 587", "port:587").replace("\n", end)

    [finding] = parse_document(SourceFile("a.yaml", text.encode())).problems

    assert (finding.position.line, finding.position.column) == (11, 7)
