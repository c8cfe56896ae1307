from __future__ import annotations

from dataclasses import replace

import pytest
from builders import BILLING, SALES, SUPPORT, desired, move, position, removal, server

from icesync.errors import UsageError
from icesync.model.desired import Address
from icesync.model.plan import Selection
from icesync.planner import changed_servers, check_patterns, choose, matches, narrow

KNOWN = [SUPPORT, SALES, BILLING]


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("59/663", [SUPPORT]),
        ("59/*", [SUPPORT, SALES]),
        ("*/1", [BILLING]),
        ("59/66?", [SUPPORT, SALES]),
        ("59/66[4-9]", [SALES]),
        ("all", KNOWN),
        ("59", []),
        ("9/663", []),
    ],
)
def test_pattern_means_whole_addresses(pattern: str, found: list[object]) -> None:
    """A glob is held against the whole address; half of one means nothing."""
    assert [address for address in KNOWN if matches(address, (pattern,))] == found


@pytest.mark.parametrize(
    ("pattern", "hint"),
    [
        ("59/665", "did you mean 59/664 or 59/663?"),
        ("60/1", "did you mean 70/1?"),
        ("1/663", "did you mean 59/663?"),
        ("8*", "the organizations are 59 and 70"),
        ("support", "the organizations are 59 and 70"),
    ],
)
def test_pattern_that_means_nobody_is_refused(pattern: str, hint: str) -> None:
    """A slip would otherwise select nothing in silence; the nearest are suggested."""
    with pytest.raises(UsageError, match="no server matches --target") as caught:
        check_patterns("--target", ["59/663", pattern], KNOWN)

    assert caught.value.hints == (hint,)


def test_same_skill_elsewhere_is_suggested() -> None:
    """The organization is easily mistaken, the skill less so."""
    with pytest.raises(UsageError) as caught:
        check_patterns("--target", ["1234678/66"], [Address(5, 66)])

    assert caught.value.hints == ("did you mean 5/66?",)


def test_strange_pattern_is_shown_in_ascii() -> None:
    """What was typed is quoted without its escapes."""
    with pytest.raises(UsageError) as caught:
        check_patterns("--exclude", ["\x1b[31m"], KNOWN)

    assert caught.value.message == r"no server matches --exclude \x1b[31m"


def test_patterns_that_mean_somebody_pass() -> None:
    """Nothing is raised, and nothing returned."""
    check_patterns("--target", ["59/*", "70/1", "all"], KNOWN)


def test_without_a_selection_all_stays() -> None:
    """No selection is the whole state, as it is."""
    state = desired(server())

    assert narrow(state, Selection(resend=("all",))) is state


def test_narrowed_state_keeps_its_removals() -> None:
    """Servers are narrowed; how others end stays known."""
    state = desired(server(SUPPORT), server(BILLING), removals=[removal(SALES)])

    narrowed = narrow(state, Selection(targets=("59/*",)))

    assert list(narrowed.servers) == [SUPPORT]
    assert narrowed.removals == state.removals


REMOVAL = replace(removal(BILLING), position=position(9, "servers/59.yaml"))
FILES = ("servers/59.yaml", "servers/_defaults.yaml", "other/us.yaml")


@pytest.mark.parametrize(
    ("words", "targets", "files"),
    [
        (["59/663"], ["59/663"], {"servers/59.yaml"}),
        (["59/*"], ["59/*"], {"servers/59.yaml"}),
        (["servers/59.yaml"], ["59/663", "70/1"], {"servers/59.yaml"}),
        (["servers"], ["59/663", "70/1"], {"servers/59.yaml", "servers/_defaults.yaml"}),
        (["."], ["59/663", "70/1"], {*FILES}),
        (["other/us.yaml"], [], {"other/us.yaml"}),
        (["59/663", "servers/59.yaml"], ["59/663", "70/1"], {"servers/59.yaml"}),
    ],
)
def test_words_are_addresses_and_paths(
    words: list[str], targets: list[str], files: set[str]
) -> None:
    """An address chooses its server; a file and a folder choose the servers in them."""
    chosen = choose(words, FILES, desired(server(SUPPORT), removals=[REMOVAL]))

    assert (list(chosen.targets), chosen.files) == (targets, files)


@pytest.mark.parametrize(
    ("word", "message", "hint"),
    [
        ("../eu.yaml", "outside the configuration's folder", "-C DIR"),
        ("/etc/eu.yaml", "outside the configuration's folder", "-C DIR"),
        ("servers/59.yml", "no file of the configuration is at", "did you mean servers/59.yaml?"),
        ("servers/5", "no file of the configuration is at", "`files:` in icesync.yaml"),
        ("59", "neither a file nor an address", "'59/*'"),
    ],
)
def test_a_path_to_nothing_is_a_slip(word: str, message: str, hint: str) -> None:
    """A word that chooses nothing would otherwise read as "nothing to do"."""
    with pytest.raises(UsageError, match=message) as caught:
        choose([word], FILES, desired(server(SUPPORT)))

    assert hint in caught.value.hints[0]


def test_what_is_wanted_otherwise_is_changed() -> None:
    """Settings, references, removals and moves count; the place in a file does not."""
    before = desired(server(SUPPORT), server(SALES), removals=[removal(BILLING)])
    after = desired(server(SUPPORT, smtp__port=465), server(SALES), moves=[move(SALES, BILLING)])

    assert changed_servers(before, before) == set()
    assert changed_servers(before, after) == {SUPPORT, SALES, BILLING}
