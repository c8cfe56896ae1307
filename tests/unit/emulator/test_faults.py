"""How a fault is written, and how mistakes are named."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from icesync.emulator.faults import Fault, Kind, Selector, Throttle, parse_fault
from icesync.errors import UsageError


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("status:503@nth=3", Fault(Kind.STATUS, 503, where=Selector(nth=3))),
        ("reset@skill=663 x2", Fault(Kind.RESET, where=Selector(skill=663), times=2)),
        ("resetx2", Fault(Kind.RESET, times=2)),
        ("latency:1.5s", Fault(Kind.LATENCY, 1500)),
        ("late:5s", Fault(Kind.LATE, 5000)),
        ("throttle", Fault(Kind.THROTTLE)),
        ("throttle:retry=1", Fault(Kind.THROTTLE)),
        ("throttle:rate=10/s,retry=2", Fault(Kind.THROTTLE, Throttle(10, retry_s=2))),
        ("throttle:rate=3/m", Fault(Kind.THROTTLE, Throttle(3, 60))),
        ("apply-then-reset", Fault(Kind.RESET, applied=True)),
        ("apply-then-500", Fault(Kind.STATUS, 500, applied=True)),
        ("apply-then-status:500", Fault(Kind.STATUS, 500, applied=True)),
        ("apply-then-throttle", Fault(Kind.THROTTLE, applied=True)),
        ("drop-then-500", Fault(Kind.STATUS, 500)),
        ("drop-then-silent", Fault(Kind.SILENT)),
        (
            " SILENT @every=3,skill=59  x4 ",
            Fault(Kind.SILENT, where=Selector(None, 3, 59), times=4),
        ),
    ],
)
def test_reads(text: str, fault: Fault) -> None:
    """Case and blanks do not matter, and there is one value for one meaning."""
    assert parse_fault(text) == fault


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("", "invalid fault ``", "use KIND[:ARGUMENT]"),
        ("reset now", "invalid fault `reset now`", "use KIND[:ARGUMENT]"),
        ("rest", "unknown fault `rest`", "did you mean `reset`?"),
        ("zzzz", "unknown fault `zzzz`", "one of: status, throttle"),
        ("apply-then-zzzz", "unknown fault `zzzz`", "one of: status, throttle"),
        ("apply-then-late:1s", "`apply-then-` means nothing before `late`", "use late"),
        ("drop-then-latency:1s", "`drop-then-` means nothing before `latency`", "use latency"),
        ("apply-then-500:1", "unknown fault `500`", "one of: status"),
        ("status", "`status` needs an HTTP status from 200 to 599", "use status:503"),
        ("status:99", "`status` takes an HTTP status from 200 to 599, not `99`", "use status"),
        ("reset:1", "`reset` takes no argument", "use reset"),
        ("latency:40", "`latency` takes a time such as 40ms or 2s, not `40`", "use latency:40ms"),
        ("latency:1.5ms", "`latency` takes a time such as 40ms or 2s, not `1.5ms`", "use lat"),
        ("late:2000000s", "`late` takes a time such as 40ms or 2s, not `2000000s`", "use late:"),
        ("throttle:rat=1/s", "`throttle` takes rate=N/s and retry=SECONDS", "use throttle:rate"),
        ("throttle:rate=0/s", "`throttle` takes rate=N/s and retry=SECONDS", "use throttle:rate"),
        ("throttle:retry=soon", "`throttle` takes rate=N/s and retry=SECONDS", "use throttle:"),
        ("reset@nht=3", "unknown selector `nht`", "did you mean `nth`?"),
        ("reset@zz=3", "unknown selector `zz`", "one of: nth, every, skill"),
        ("reset@nth=0", "`nth` takes a whole number from 1, not `0`", "use nth=3"),
        ("reset@nth", "`nth` takes a whole number from 1, not ``", "use nth=3"),
        ("reset@nth=1,nth=2", "`nth` is given twice in `@nth=1,nth=2`", "give it once"),
        ("reset@nth=3,every=1", "`nth` and `every` cannot", "use one"),
        ("reset x0", "a fault with `x0` would never fire", "use x1 for once"),
        ("\x1b", "unknown fault `\\x1b`", "one of: status"),
    ],
)
def test_mistakes_are_named(text: str, message: str, hint: str) -> None:
    """One sentence says what is wrong, and a hint what to write."""
    with pytest.raises(UsageError) as refusal:
        parse_fault(text)

    assert refusal.value.message.startswith(message)
    assert refusal.value.hints[0].startswith(hint)


COUNTS = st.none() | st.integers(1, 999_999_999)
DURATIONS = st.integers(0, 3_600_000)
THROTTLES = st.builds(
    Throttle,
    rate=st.none() | st.integers(1, 9_999_999),
    per_s=st.sampled_from([1, 60]),
    retry_s=st.integers(0, 10**8),
).filter(lambda throttle: throttle.rate is not None or throttle.per_s == 1)
ARGUMENTS = {
    Kind.STATUS: st.integers(200, 599),
    Kind.THROTTLE: THROTTLES.map(lambda throttle: None if throttle == Throttle() else throttle),
    Kind.LATENCY: DURATIONS,
    Kind.LATE: DURATIONS,
    Kind.RESET: st.none(),
    Kind.SILENT: st.none(),
}


@st.composite
def faults(draw: st.DrawFn) -> Fault:
    """Any fault that can be."""
    kind = draw(st.sampled_from(Kind))
    skills = draw(COUNTS)
    where = draw(
        st.builds(Selector, nth=COUNTS, skill=st.just(skills))
        | st.builds(Selector, every=COUNTS, skill=st.just(skills))
    )
    applied = Fault(kind).drops and draw(st.booleans())
    return Fault(kind, draw(ARGUMENTS[kind]), applied, where, draw(COUNTS))


@given(faults())
def test_what_is_written_reads_the_same(fault: Fault) -> None:
    """The text of a fault is the fault."""
    assert parse_fault(str(fault)) == fault


@given(st.text(max_size=60))
def test_any_text_is_a_fault_or_a_mistake(text: str) -> None:
    """Nothing but the one error comes out of a wrong text."""
    fault = None
    with suppress(UsageError):
        fault = parse_fault(text)

    assert fault is None or parse_fault(str(fault)) == fault


@pytest.mark.parametrize(
    ("text", "stored"),
    [
        ("reset", False), ("drop-then-reset", False), ("apply-then-reset", True),
        ("status:500", False), ("apply-then-500", True), ("apply-then-silent", True),
        ("latency:1s", True), ("late:1s", True),
    ],
)  # fmt: skip
def test_a_prefix_says_whether_the_write_is_stored(text: str, stored: bool) -> None:
    """A write that is struck is dropped, unless the fault says that it is applied."""
    assert parse_fault(text).stores is stored
