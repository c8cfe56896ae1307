"""``@frozen`` and ``@mutable``: what data classes with slots promise."""

from __future__ import annotations

import copy
import pickle
from dataclasses import FrozenInstanceError, asdict, field, fields, is_dataclass, replace
from typing import TYPE_CHECKING, Any

import pytest

from icesync.frozen import NamedTuple, frozen, mutable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


@frozen
class Point:
    """A value with every kind of field."""

    x: int
    y: int = 2
    labels: Mapping[str, str] = field(default_factory=dict)
    note: str = field(default="", repr=False)


def test_arguments_and_defaults() -> None:
    """Fields are arguments in their order, and each value gets a default of its own."""
    first, second = Point(1), Point(1, y=3, labels={"a": "b"})

    assert (first.x, first.y, first.labels) == (1, 2, {})
    assert (second.y, second.labels) == (3, {"a": "b"})
    assert Point(1).labels is not first.labels
    with pytest.raises(TypeError, match=r"Point.__init__\(\) missing 1 required .* 'x'"):
        Point()  # type: ignore[call-arg]


def test_values_are_equal_by_their_fields() -> None:
    """Values of one class are equal, and hash alike, where all fields are equal."""

    @frozen
    class Other:
        """The same fields in another class."""

        name: str

    @frozen
    class Third:
        """The same again."""

        name: str

    assert Point(1) == Point(1, 2)
    assert Point(1) != Point(2)
    assert Other("a") != Third("a")
    assert hash(Other("a")) == hash(Other("a"))
    assert repr(Point(1, note="hidden")) == "Point(x=1, y=2, labels={})"


@pytest.mark.parametrize("change", [lambda p: setattr(p, "x", 2), lambda p: delattr(p, "x")])
def test_a_value_is_never_changed(change: Any) -> None:
    """Neither set nor deleted, and no attribute is added."""
    point = Point(1)

    with pytest.raises(FrozenInstanceError, match="Point is frozen: 'x' cannot be changed"):
        change(point)
    assert not hasattr(point, "__dict__")


def test_the_standard_library_knows_it() -> None:
    """It is copied, replaced and listed as any data class."""
    point = Point(1, labels={"a": "b"})

    assert replace(point, x=5) == Point(5, labels={"a": "b"})
    assert [each.name for each in fields(Point)] == ["x", "y", "labels", "note"]
    assert asdict(point)["labels"] == {"a": "b"}
    assert copy.deepcopy(point) == copy.copy(point) == point


@mutable
class Tally:
    """A value that changes."""

    name: str
    seen: list[str] = field(default_factory=list)


def test_a_mutable_value_changes_and_has_no_hash() -> None:
    """It is a data class as well, with slots and equality."""
    tally = Tally("a")
    tally.name = "b"
    tally.seen.append("x")

    assert tally == Tally("b", ["x"])
    assert replace(tally, name="c").seen is tally.seen
    assert not hasattr(tally, "__dict__")
    with pytest.raises(TypeError, match="unhashable"):
        hash(tally)


def test_fields_are_known_before_there_is_a_value() -> None:
    """What the standard library asks of a class is known before and after the first value."""

    @frozen
    class Late:
        """A class of its own, so that nobody has asked yet."""

        name: str
        size: int = field(default=3, metadata={"unit": "B"})

    assert is_dataclass(Late)
    assert fields(Late)[1].metadata == {"unit": "B"}
    assert replace(Late("a"), name="b") == Late("b", 3)


class Place(NamedTuple):
    """A tuple with names."""

    file: str
    line: int = 0
    column: int = 0


def test_a_named_tuple_is_one_of_the_standard_library() -> None:
    """It is made, read, changed, shown, copied and matched as one of ``typing`` is."""
    place = Place("a", 1, 2)

    assert place == ("a", 1, 2) == Place("a", column=2, line=1)
    assert place.column == 2
    assert Place("a") == Place(file="a") == ("a", 0, 0)
    assert place._replace(line=3) == ("a", 3, 2)
    assert place._asdict() == {"file": "a", "line": 1, "column": 2}
    assert repr(place) == "Place(file='a', line=1, column=2)"
    assert type(pickle.loads(pickle.dumps(place))) is Place  # noqa: S301 - our own
    assert copy.deepcopy(place) == copy.copy(place) == place
    assert not hasattr(place, "__dict__")
    match place:
        case Place(file, line):
            assert (file, line) == ("a", 1)


@pytest.mark.parametrize(
    "make",
    [
        Place,
        lambda: Place("a", 1, 2, 3),  # type: ignore[call-arg]
        lambda: Place("a", file="b"),  # type: ignore[misc]
        lambda: Place("a", row=1),  # type: ignore[call-arg]
        lambda: Place("a")._replace(row=1),
    ],
)
def test_a_named_tuple_refuses_what_does_not_fit(make: Callable[[], object]) -> None:
    """Too few, too many and unknown arguments are refused, and a field is not set."""
    with pytest.raises((TypeError, ValueError)):
        make()
    with pytest.raises(AttributeError):
        Place("a").line = 3  # type: ignore[misc]
