"""The page as a person meets it: in a real browser, with a keyboard, on paper, under attack."""

from __future__ import annotations

import importlib.resources
from typing import TYPE_CHECKING, Any

import pytest
from browser import PROGRAM, Browser
from pages import PAGES, VIEW, at_forge, attacked, large

from icesync.render.htmlpage import render

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from icesync.model.report import CommandResult

pytestmark = pytest.mark.skipif(PROGRAM is None, reason="needs Chromium: apt install chromium")

CARDS = "article:not([hidden])"
ROWS = "tr[data-kind]:not([hidden])"
LINES = ".rest li:not([hidden])"


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """One browser for all of these tests."""
    with Browser(tmp_path_factory.mktemp("profile")) as browser:
        browser.look()
        yield browser


@pytest.fixture
def show(browser: Browser, tmp_path: Path) -> Any:
    """Write a review's page and open it."""

    def open_page(review: CommandResult, fragment: str = "") -> Browser:
        page = tmp_path / "page.html"
        page.write_text(render(review, VIEW))
        browser.open(page, fragment)
        return browser

    return open_page


def count(browser: Browser, selector: str) -> int:
    """Return how many elements *selector* finds."""
    found: int = browser.run(f"document.querySelectorAll({selector!r}).length")
    return found


def write(browser: Browser, text: str) -> None:
    """Type *text* into the search field, at once."""
    browser.run(
        f"query.value = {text!r}; query.dispatchEvent(new Event('input', {{bubbles: true}})); 0"
    )
    browser.settle()


def focused(browser: Browser) -> str:
    """Return the id of what has the focus."""
    name: str = browser.run("document.activeElement.id")
    return name


@pytest.mark.parametrize("name", PAGES)
def test_page_is_silent_and_alone(show: Any, name: str) -> None:
    """A page complains about nothing and asks for nothing."""
    assert show(PAGES[name]).trouble == []


def test_text_filters(show: Any) -> None:
    """Words are looked for in all that a server shows, and all of them must be there."""
    browser = show(PAGES["plan"])
    assert (count(browser, CARDS), count(browser, LINES)) == (7, 1)

    write(browser, "SMTP.port 465 spoofing")

    assert browser.run(f"[...document.querySelectorAll({CARDS!r})].map(e => e.id)") == ["59/2"]
    assert browser.run("count.textContent") == "1 of 8"
    assert browser.run("location.hash") == "#q=SMTP.port+465+spoofing"


def test_nothing_that_fits_is_said(show: Any) -> None:
    """An empty list says why it is empty."""
    browser = show(PAGES["plan"])

    write(browser, "no such thing")

    assert (count(browser, CARDS), count(browser, LINES)) == (0, 0)
    assert browser.run("getComputedStyle(none).display") != "none"


def test_chips_filter_by_kind(show: Any) -> None:
    """Pressed kinds are shown, none pressed shows all; the button says so to everybody."""
    browser = show(PAGES["plan"])

    browser.run("document.querySelector('[data-chip=disable]').click()")
    browser.settle()

    assert browser.run(f"[...document.querySelectorAll({CARDS!r})].map(e => e.id)") == ["59/4"]
    pressed = "document.querySelector('[data-chip=disable]').getAttribute('aria-pressed')"
    assert browser.run(pressed) == "true"


def test_organization_filters(show: Any) -> None:
    """One organization of ten leaves a tenth, and the others pale in the picture."""
    browser = show(large(100, 20))

    browser.run("group.value = '2'; group.dispatchEvent(new Event('change')); 0")
    browser.settle()

    assert (count(browser, CARDS), count(browser, LINES)) == (10, 0)
    assert count(browser, ".tile.dim") == 9


def test_address_keeps_the_filter(show: Any) -> None:
    """Whoever gets the link sees what its sender saw."""
    browser = show(large(100, 20), "#q=desk&in=2&kind=update")

    assert count(browser, CARDS) == 10
    assert browser.run("[query.value, group.value]") == ["desk", "2"]


@pytest.mark.parametrize("fragment", ["#q=%", "#in=nowhere&kind=bad", "#%E0%A4%A", "#cards"])
def test_odd_addresses_show_everything(show: Any, fragment: str) -> None:
    """What stands after # may be anything."""
    browser = show(PAGES["plan"], fragment)

    assert browser.trouble == []
    assert count(browser, CARDS) == (7 if fragment != "#q=%" else 0)


def test_link_to_a_server_shows_it(show: Any) -> None:
    """A server that is linked to is shown, even if the filter hides it."""
    browser = show(PAGES["plan"], "#kind=disable")

    browser.run("location.hash = '59/2'")
    browser.settle()

    assert (focused(browser), count(browser, CARDS)) == ("59/2", 7)


def test_cell_of_the_picture_leads_to_its_server(show: Any) -> None:
    """A click on a square goes to what it stands for."""
    browser = show(PAGES["plan"])

    browser.run(
        "document.querySelector('[data-at=\"59/5\"] rect')"
        ".dispatchEvent(new MouseEvent('click', {bubbles: true}))"
    )
    browser.settle()

    assert focused(browser) == "59/5"


def test_keyboard_is_enough(show: Any) -> None:
    """/ searches, arrows go through what is shown, Escape shows all."""
    browser = show(PAGES["plan"], "#q=also+sends")
    browser.press("/")
    assert focused(browser) == "query"

    steps = []
    for key in ("ArrowDown", "ArrowDown", "ArrowUp", "j", "k"):
        browser.press(key)
        steps.append(focused(browser))
    assert steps == ["59/2", "59/3", "59/2", "59/3", "59/2"]

    browser.press("Escape")
    assert (count(browser, CARDS), browser.run("location.hash")) == (7, "")


def test_tab_goes_from_the_skip_link_over_the_tools_into_the_list(show: Any) -> None:
    """The list is one stop: who has read it is out of it with one key."""
    browser = show(PAGES["plan"])
    seen = []
    for _ in range(14):
        browser.press("Tab")
        seen.append(browser.run("document.activeElement.id || document.activeElement.className"))

    assert seen[0] == "skip"
    assert seen.index("query") < seen.index("59/1")
    assert "59/2" not in seen[seen.index("59/1") :]


@pytest.mark.parametrize("name", PAGES)
def test_attacks_are_inert(show: Any, name: str) -> None:
    """Whatever a text contains, it is shown, and does nothing."""
    browser = show(attacked(PAGES[name]))

    assert browser.run("window.hurt") is None
    assert browser.trouble == []
    assert count(browser, "script") == 1
    assert count(browser, "img, [onload], [onerror], [onmouseover], a[href^=javascript]") == 0
    text = browser.run("document.body.textContent")
    assert "</script><script>window.hurt = 1</script>" in text
    assert r"\u{202e}gnp.exe\u{2066}\u{1b}[31m\u{0}" in text
    assert not set(text) & set("\u202e\u2066\x1b\x00")


def test_policy_stops_what_escaping_would_miss(browser: Browser, tmp_path: Path) -> None:
    """Were the escaping broken, the page still would run no script but its own."""
    page = tmp_path / "page.html"
    hole = "<script>window.hurt = 1</script><img src=x onerror='window.hurt = 2'>"
    page.write_text(render(PAGES["plan"], VIEW).replace("<main>", f"<main>{hole}"))
    browser.open(page)

    assert browser.run("window.hurt") is None
    assert count(browser, CARDS) == 7
    assert sum("Content Security Policy" in trouble for trouble in browser.trouble) >= 2


def test_ten_thousand_servers(show: Any) -> None:
    """A large fleet is all there, and a filter reaches all of it."""
    browser = show(large(10_000, 300))
    assert (count(browser, CARDS), count(browser, ROWS), count(browser, LINES)) == (1, 300, 9_700)

    write(browser, "desk 10/10000")

    assert (count(browser, CARDS), count(browser, LINES)) == (0, 1)
    assert browser.run("document.querySelectorAll('.rest:not([hidden])').length") == 1


def test_lines_of_a_table_are_found_as_cards_are(show: Any) -> None:
    """By what they have in common too, by organization, cell and link; the table opens for them."""
    browser = show(large(100, 30))
    first = (count(browser, CARDS), count(browser, ROWS), browser.run("count.textContent"))
    write(browser, "smtp.port 3/30")
    found = (count(browser, CARDS), count(browser, ROWS))
    write(browser, "desk 77")
    none = (count(browser, CARDS), count(browser, ROWS))
    browser.run("location.hash = '3/21'")
    browser.settle()

    assert first == (3, 30, "100 of 100")
    assert found == (1, 1)
    assert none == (0, 0)
    assert focused(browser) == "3/21"
    assert browser.run("document.activeElement.closest('details').open") is True
    place = "document.activeElement.getBoundingClientRect().top"
    assert browser.run(f"tools.getBoundingClientRect().bottom < {place}") is True
    assert browser.run(f"{place} < innerHeight") is True


def test_equal_changes_are_one_card(show: Any) -> None:
    """Each of its servers is found by text, organization, cell and link, and counted."""
    browser = show(large(100, 30, alike=True))
    total = browser.run("count.textContent")
    browser.run("group.value = '2'; group.dispatchEvent(new Event('change')); 0")
    browser.settle()
    of_two = (count(browser, CARDS), count(browser, ".tile.dim"))
    write(browser, "desk 77")
    found = count(browser, CARDS)
    browser.run("document.querySelector('[data-at=\"3/21\"]').dispatchEvent("
                "new MouseEvent('click', {bubbles: true})); 0")  # fmt: skip
    browser.settle()

    assert (total, of_two, found) == ("100 of 100", (1, 9), 0)
    assert browser.run("document.querySelector('.members').open") is True


AXE = importlib.resources.files("axe_core_python") / "axe.min.js"
COMPLAINTS = """
axe.run(%s).then(({violations}) => violations.map(
  ({id, nodes}) => `${id}: ${nodes.slice(0, 3).map(node => node.html).join(" ")}`))
"""


@pytest.mark.parametrize("name", ["plan", "apply", "findings", "large"])
def test_page_is_accessible(show: Any, name: str) -> None:
    """Axe finds nothing: names, roles, headings, language, landmarks; contrast in the dark too."""
    browser = show(large(100, 30) if name == "large" else PAGES[name])
    browser.run(AXE.read_text() + "; 0")
    try:
        browser.look(height=6000)
        assert browser.run(COMPLAINTS % "") == []
        browser.look(height=6000, dark=True)
        assert browser.run(COMPLAINTS % "{runOnly: ['color-contrast']}") == []
    finally:
        browser.look()


def test_axe_would_find_something(show: Any) -> None:
    """The check is alive: a page that is broken on purpose does not pass it."""
    browser = show(PAGES["plan"])
    browser.run(
        "document.documentElement.removeAttribute('lang');"
        "document.querySelector('h1').style.color = '#ccc'; 0"
    )
    browser.run(AXE.read_text() + "; 0")

    rules = {complaint.partition(":")[0] for complaint in browser.run(COMPLAINTS % "")}
    assert {"html-has-lang", "color-contrast"} <= rules


@pytest.mark.parametrize("name", ["plan", "apply", "findings", "large"])
def test_page_fits_its_window(show: Any, name: str) -> None:
    """Nobody scrolls sideways, on a phone or on a desk."""
    browser = show(attacked(large(100, 30) if name == "large" else PAGES[name]))
    for width in (320, 480, 1280):
        browser.look(width=width)
        assert browser.run("document.documentElement.scrollWidth") <= width
    browser.look()


def test_page_prints(show: Any) -> None:
    """On paper everything is there, without what only a screen can use."""
    browser = show(PAGES["plan"])

    assert browser.printed().startswith(b"%PDF-")


def test_places_are_links_where_files_can_be_looked_at(browser: Browser, tmp_path: Path) -> None:
    """With a forge around it, a line of the plan leads to the line in the commit."""
    page = tmp_path / "page.html"
    page.write_text(render(PAGES["plan"], at_forge("https://git.example.test/blob/0123/")))
    browser.open(page)

    link = browser.run("document.querySelector('article a.place').href")
    assert link == "https://git.example.test/blob/0123/servers/59.yaml#L1"


def test_without_scripts_everything_is_shown(browser: Browser, tmp_path: Path) -> None:
    """Where scripts are forbidden, as in the preview of a mail, nothing is missing."""
    page = tmp_path / "page.html"
    page.write_text(render(PAGES["plan"], VIEW))
    browser.allow_scripts(allowed=False)
    try:
        browser.open(page, "#kind=disable")
        assert (count(browser, CARDS), count(browser, LINES)) == (7, 1)
        assert browser.run("getComputedStyle(tools).display") == "none"
    finally:
        browser.allow_scripts(allowed=True)
