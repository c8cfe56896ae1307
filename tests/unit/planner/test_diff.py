from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from builders import SETTINGS, Place
from hypothesis import given
from hypothesis import strategies as st

from icesync.model.fields import SETTING_FIELDS
from icesync.model.plan import FieldChange
from icesync.planner.plan import changed_terms, diff_settings

if TYPE_CHECKING:
    from icesync.model.fields import Setting

_SETTINGS = st.dictionaries(
    st.sampled_from(("status", "smtp.host", "smtp.port")),
    st.sampled_from((0, 1, 2, "", "1", "a")) | st.booleans(),
    min_size=1,
)


@given(_SETTINGS, _SETTINGS)
def test_settings_differ_as_deepdiff_says(
    before: dict[str, Setting], after: dict[str, Setting]
) -> None:
    """Settings are compared value by value; deepdiff, which takes longer, finds the same."""
    found = {change.key for change in diff_settings(before, after)}

    assert found == (set() if before == after else set(changed_terms(before, after)))


@pytest.mark.parametrize(
    ("before", "after", "keys"),
    [
        ({"guards": ["disabled"]}, {"guards": []}, ["guards"]),
        ({"rules": {"ICE303": "off"}}, {"rules": {"ICE303": "error"}}, ["rules"]),
        ({"a": 1}, {"b": 1}, ["a", "b"]),
        ({"limits": {"adds": 1}}, {"limits": {"adds": 1}}, []),
    ],
)
def test_terms_differ_at_any_depth(
    before: dict[str, Any], after: dict[str, Any], keys: list[str]
) -> None:
    """Each term that differs is named once, whatever is in it."""
    assert changed_terms(before, after) == keys


def test_equal_settings_differ_in_nothing() -> None:
    """Equal settings are no change, whatever their order."""
    assert diff_settings(dict(SETTINGS), dict(reversed(SETTINGS.items()))) == ()


def test_against_nothing_all_is_new() -> None:
    """A first send lists every field."""
    found = diff_settings({}, SETTINGS)

    assert {change.key: change.after for change in found} == SETTINGS
    assert all(change.before is None for change in found)


def test_few_common_keys_still_give_a_change_a_key() -> None:
    """Two records that share next to nothing are compared key by key, not as two wholes."""
    before = {"status": "Enabled", **{f"smtp.{n}": 1 for n in ("port", "poll_rate")}}
    after = {"status": "Disabled", **{f"imap.{n}": 2 for n in ("port", "poll_rate")}}

    found = diff_settings(before, after)

    assert [(c.key, c.before, c.after) for c in found] == [
        ("status", "Enabled", "Disabled"),
        ("smtp.port", 1, None),
        ("smtp.poll_rate", 1, None),
        ("imap.port", None, 2),
        ("imap.poll_rate", None, 2),
    ]


def test_changes_stand_in_the_order_of_the_table() -> None:
    """Fields are shown as the table lists them, not by alphabet."""
    keys = [field.key for field in SETTING_FIELDS]

    found = diff_settings({}, dict.fromkeys(sorted(keys), "x"))

    assert [change.key for change in found] == keys


def test_keys_of_another_version_stand_last() -> None:
    """A key that the table does not know is compared too, behind those it knows."""
    found = diff_settings({"zzz": 1, "aaa": 1, "ssl": True}, {"ssl": False})

    assert [change.key for change in found] == ["ssl", "aaa", "zzz"]


def test_each_new_value_has_its_place() -> None:
    """The origin says which line gave a value."""
    origin = Place("servers/eu.yaml", ["ssl", "tls"])

    [change] = diff_settings({"ssl": True, "tls": True}, {"ssl": True, "tls": False}, origin)

    assert change == FieldChange("tls", before=True, after=False, place=origin.position("tls"))
