from __future__ import annotations

import pytest

from icesync.model.desired import MAX_ID, Address, parse_address


def test_address_prints_as_it_is_written() -> None:
    """What is printed is what may be typed."""
    assert parse_address(str(Address(59, 663))) == Address(59, 663)


def test_addresses_sort_by_number() -> None:
    """59/70 stands before 59/663, and organization 9 before 59."""
    found = sorted([Address(59, 663), Address(59, 70), Address(9, 1000)])

    assert found == [Address(9, 1000), Address(59, 70), Address(59, 663)]


@pytest.mark.parametrize("text", ["1/1", f"{MAX_ID}/{MAX_ID}"])
def test_ids_within_32_bits_are_addresses(text: str) -> None:
    """The service holds ids of 1 to 2**31 - 1."""
    assert str(parse_address(text)) == text


@pytest.mark.parametrize(
    "text",
    ["", "59", "59/", "/663", "0/1", "1/0", "059/1", "+59/1", "59/663 ", "59/663\n", "59-663",
     "٥٩/٦٦٣", f"{MAX_ID + 1}/1", f"1/{MAX_ID + 1}", "1/12345678901"],
    ids=ascii,
)  # fmt: skip
def test_other_texts_are_no_address(text: str) -> None:
    """An address has one spelling; whatever else is none, rather than nearly one."""
    assert parse_address(text) is None
