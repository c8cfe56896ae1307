from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from icesync.codec.marker import Marker, encode_marker, read_marker
from icesync.render.comment import fit, outdate, stamp

PLAN = Marker("plan", "mail", 2)
LINE = encode_marker(PLAN)
RUN = "https://ci.test/runs/9"

BODY = f"""\
{LINE}
### icesync plan

<details open><summary>many</summary>

````diff
```
- old
+ new
````

</details>
"""


def test_stamp_marks_a_bare_text() -> None:
    """A text of somebody's own making gets a marker."""
    assert stamp("Hello\n", PLAN) == f"{LINE}\nHello\n"


def test_stamp_replaces_a_marker() -> None:
    """There is one marker, and it is the one that was asked for."""
    before = '\ufeff<!-- icesync:plan {"v":1,"key":"x"} -->\r\nHello\r\n'

    assert stamp(before, PLAN) == f"{LINE}\nHello\n"


def test_banner_is_below_the_marker() -> None:
    """An outdated comment says so before everything else, and is found as before."""
    assert outdate(f"{LINE}\r\n### plan\r\n", RUN) == (
        f"{LINE}\n<!-- icesync:outdated -->\n"
        f"> **Outdated:** a [newer run]({RUN}) is in progress.\n\n### plan\n"
    )


def test_banner_is_there_once() -> None:
    """A third run replaces the banner of the second."""
    text = outdate(f"{LINE}\n### plan\n", RUN)

    assert outdate(text, f"{RUN}0") == text.replace(RUN, f"{RUN}0")


def test_text_that_fits() -> None:
    """What fits is not touched."""
    assert fit(BODY, len(BODY), RUN) == BODY


def test_cut_says_so() -> None:
    """A cut names the whole length and where the rest is."""
    cut = fit(f"{LINE}\n" + "line of text\n\n" * 1000, 500, RUN)

    assert cut.startswith(f"{LINE}\nline of text\n\nline of text\n\n")
    assert cut.endswith(
        f"line of text\n\n\n> **Cut here.** The whole text has 14,055 bytes, too many for "
        f"a comment. [The run]({RUN}) has all of it; `--summary` makes it shorter.\n"
    )


@pytest.mark.parametrize(
    "opened",
    [
        "```diff\n", "`````\n```\n", "~~~ yaml\n", "```\nx\n``` y\n", "<details>\n",
        "<DETAILS OPEN>\n", "<details>\n<details>\n</details>\n", "<!-- a\n",
        "<details>\n<!--\n</details>\n-->\n", "<details><!-- </details> -->\n",
    ],
)  # fmt: skip
def test_cut_lies_before_what_is_open(opened: str) -> None:
    """Neither a fence nor details nor a comment swallows the notice."""
    cut = fit(f"{LINE}\nbefore\n\n{opened}\n" + "x\n\n" * 300, 400, None)

    assert cut.startswith(f"{LINE}\nbefore\n\n\n> **Cut here.**")


@pytest.mark.parametrize(
    "closed",
    [
        "```\nx\n```\n", "~~~\nx\n~~~\n", "<details><summary>a</summary></details>\n",
        "```x`\n", "    ```\n", "<!-- a -->\n", "```\n<details>\n```\n",
    ],
)  # fmt: skip
def test_cut_goes_past_what_is_closed(closed: str) -> None:
    """What was open and is not any more stays whole."""
    cut = fit(f"{LINE}\n{closed}\n" + "x\n\n" * 300, 400, None)

    assert cut.startswith(f"{LINE}\n{closed}\nx\n\nx\n")


def test_line_that_is_too_long() -> None:
    """A paragraph is kept whole or not at all."""
    cut = fit(f"{LINE}\n{'x' * 1000}\n", 400, None)

    assert cut.startswith(f"{LINE}\n\n> **Cut here.**")


@pytest.mark.parametrize("url", [None, "", "javascript:alert(1)", "https://x/a)b", "https://x/ a"])
def test_address_that_is_no_link(url: str | None) -> None:
    """What could end the Markdown around it is left out."""
    assert "comment. The run has all of it;" in fit("x\n" * 1000, 400, url)


PIECES = st.sampled_from(
    ["```\n", "````diff\n", "~~~\n", "<details>\n", "</details>\n", "<!--", "-->", "\n", "ü\n", "x"]
)


@given(st.lists(PIECES, max_size=80), st.integers(300, 600))
@example(["<details>\n", "<!--\n", "</details>\n", "-->\n"], 300)
def test_any_cut_keeps_its_promises(pieces: list[str], most: int) -> None:
    """A cut is never longer than was asked for, keeps the marker and shows its notice."""
    text = f"{LINE}\n{''.join(pieces)}{'y' * 600}\n"

    cut = fit(text, most, RUN)

    assert len(cut.encode()) <= most
    assert read_marker(cut) == PLAN
    assert open_at(cut, "> **Cut here.**") == []


def open_at(text: str, mark: str) -> list[str]:
    """Return what is open where *mark* begins, by a reading of CommonMark of its own."""
    fence, opened, hidden = "", [], False
    for line in text[: text.index(mark)].splitlines():
        closing = re.fullmatch(r" {0,3}(`{3,}|~{3,})\s*", line)
        opening = re.match(r" {0,3}(`{3,}(?=[^`]*$)|~{3,})", line)
        if hidden:
            hidden = "-->" not in line
        elif fence:
            ends = closing and closing[1][0] == fence[0] and len(closing[1]) >= len(fence)
            fence = "" if ends else fence
        elif opening:
            fence = opening[1]
        elif "<!--" in line:
            hidden = "-->" not in line
        elif "<details" in line:
            opened.append("details")
        elif "</details>" in line and opened:
            opened.pop()
    return [*opened, *([fence] if fence else []), *(["comment"] if hidden else [])]
