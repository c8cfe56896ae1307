"""How a fault is written, and how mistakes are told."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from icesync.emulator.fault import Fault, Form, Selector, Throttle
from icesync.emulator.faultkinds import ROWS, Kind, Takes
from icesync.emulator.faultparse import parse_fault
from icesync.emulator.wording import VARIANTS
from icesync.errors import UsageError


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("status:503@nth=3", Fault(Kind.STATUS, 503, where=Selector(nth=3))),
        ("reset@skill=663 x2", Fault(Kind.RESET, where=Selector(skill=663), times=2)),
        ("resetx2", Fault(Kind.RESET, times=2)),
        ("drip:30ms", Fault(Kind.DRIP, 30)),
        ("drip", Fault(Kind.DRIP)),
        ("latency:200ms%50", Fault(Kind.LATENCY, 200, chance=50)),
        ("latency:1.5s", Fault(Kind.LATENCY, 1500)),
        ("latency:2s %100", Fault(Kind.LATENCY, 2000)),
        ("late:5", Fault(Kind.LATE, 5000)),
        ("throttle", Fault(Kind.THROTTLE)),
        ("throttle:retry=1", Fault(Kind.THROTTLE)),
        ("throttle:rate=10/s,retry=2", Fault(Kind.THROTTLE, Throttle(10, retry_s=2))),
        (
            "throttle:rate=3/m,form=date,status=503",
            Fault(Kind.THROTTLE, Throttle(3, 60, form=Form.DATE, status=503)),
        ),
        ("throttle:retry=-5", Fault(Kind.THROTTLE, Throttle(retry_s=-5))),
        ("token-expire@after=20", Fault(Kind.TOKEN_EXPIRE, where=Selector(after=20))),
        ("apply-then-reset", Fault(Kind.RESET, flipped=True)),
        ("apply-then-500", Fault(Kind.STATUS, 500, flipped=True)),
        ("apply-then-status:500", Fault(Kind.STATUS, 500, flipped=True)),
        ("lose", Fault(Kind.SILENT, flipped=True)),
        ("drop-then-truncate:7", Fault(Kind.TRUNCATE, 7, flipped=True)),
        ("redirect:http://127.0.0.1:9/", Fault(Kind.REDIRECT, "http://127.0.0.1:9/")),
        ("message:Lower-Case", Fault(Kind.MESSAGE, "lower-case")),
        ("big:4@path=Login", Fault(Kind.BIG, 4, where=Selector(path="login"))),
        (
            " FIN @ after=2, every=3 , org=59  x4  % 10 ",
            Fault(Kind.FIN, where=Selector(after=2, every=3, org=59), times=4, chance=10),
        ),
    ],
)
def test_reads(text: str, fault: Fault) -> None:
    """Case and blanks do not matter, and there is one value for one meaning."""
    assert parse_fault(text) == fault


@pytest.mark.parametrize("kind", Kind)
def test_every_example_is_right(kind: Kind) -> None:
    """What an error recommends can be written."""
    assert parse_fault(ROWS[kind].example).kind is kind


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("", "not a fault: ``", "write KIND[:ARGUMENT]"),
        ("reset now", "not a fault: `reset now`", "write KIND[:ARGUMENT]"),
        ("rest", "no such fault: `rest`", "did you mean `reset`?"),
        ("zzzz", "no such fault: `zzzz`", "one of: status, html"),
        ("apply-then-zzzz", "no such fault: `zzzz`", "one of: status, html"),
        ("apply-then-drip", "`apply-then-` means nothing before `drip`", "write drip"),
        ("drop-then-reset", "`drop-then-` means nothing before `reset`", "write reset"),
        ("apply-then-500:1", "`apply-then-500` names its status already", "apply-then-500"),
        ("status", "`status` needs an HTTP status from 200 to 599", "write status:503"),
        ("status:99", "`status` takes an HTTP status from 200 to 599, not `99`", "write status"),
        ("html:600", "`html` takes an HTTP status from 200 to 599, not `600`", "write html:502"),
        ("reset:1", "`reset` takes nothing behind a colon", "write reset"),
        ("latency:40", "`latency:40` has no unit", "write latency:40ms or latency:40s"),
        ("latency:fast", "`latency` takes a time such as 40ms or 2s, not `fast`", "write lat"),
        ("latency:1.5ms", "`latency` takes a time such as 40ms or 2s, not `1.5ms`", "write lat"),
        ("jitter:2000000s", "`jitter` takes a time such as 40ms or 2s, not `2000000s`", "write"),
        ("truncate:x", "`truncate` takes a number of bytes, not `x`", "write truncate:7"),
        ("big:65", "`big` takes a number of MiB from 1 to 64, not `65`", "write big:4"),
        ("redirect:ftp://x", "`redirect` takes an address that begins with", "write redirect"),
        ("message:lowercase", "`message` knows no wording `lowercase`", "did you mean `lower-c"),
        ("message:?", "`message` knows no wording `?`", "one of: documented, plain"),
        ("throttle:rat=1/s", "`throttle` knows no `rat`", "did you mean `rate`?"),
        ("throttle:zz=1", "`throttle` knows no `zz`", "one of: rate, retry, form, status"),
        ("throttle:rate=0/s", "`throttle` takes rate=N/s, retry=SECONDS", "write throttle:rate"),
        ("throttle:retry=soon", "`throttle` takes rate=N/s, retry=SECONDS", "write throttle:"),
        ("throttle:form=morse", "`throttle` takes rate=N/s, retry=SECONDS", "write throttle:"),
        ("throttle:status=418", "`throttle` takes rate=N/s, retry=SECONDS", "write throttle:"),
        ("reset@nht=3", "no such selector: `nht`", "did you mean `nth`?"),
        ("reset@zz=3", "no such selector: `zz`", "one of: nth, after, every, org, skill, path"),
        ("reset@nth=0", "`nth` takes a whole number from 1, not `0`", "write nth=3"),
        ("reset@nth", "`nth` takes a whole number from 1, not ``", "write nth=3"),
        ("reset@nth=1,nth=2", "`nth` is given twice in `@nth=1,nth=2`", "give it once"),
        ("reset@path=a,path=b", "`path` is given twice in `@path=a,path=b`", "give it once"),
        ("reset@nth=3,after=1", "`nth` names one call, so `after` and `every` mean", "use after"),
        ("reset@path=a b", "`path` takes a part of a path without digits, not `a b`", "path=Log"),
        ("reset-early@org=1", "`reset-early` strikes before the body is read, so", "use reset"),
        ("reset x0", "a fault with `x0` would never fire", "write x1 for once"),
        ("reset %0", "a chance is a whole number of per cent from 1 to 100, not `0`", "write %50"),
        ("\x1b", "no such fault: `\\x1b`", "one of: status"),
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
    retry_s=st.integers(-(10**11), 10**11),
    form=st.sampled_from(Form),
    status=st.sampled_from([429, 503]),
).filter(lambda throttle: throttle.rate is not None or throttle.per_s == 1)
ARGUMENTS = {
    Takes.NOTHING: st.none(),
    Takes.STATUS: st.integers(200, 599),
    Takes.DURATION: DURATIONS,
    Takes.BYTES: st.integers(0, 999_999_999),
    Takes.MEBIBYTES: st.integers(1, 64),
    Takes.KIBIBYTES: st.integers(1, 4096),
    Takes.HEADS: st.integers(1, 100_000),
    Takes.VARIANT: st.sampled_from([str(variant) for variant in VARIANTS]),
    Takes.THROTTLE: THROTTLES.map(lambda throttle: None if throttle == Throttle() else throttle),
    Takes.URL: st.from_regex(r"https?://[a-z.]+(:[0-9]+)?/[a-z/]*", fullmatch=True),
}
PATHS = st.none() | st.from_regex(r"[a-z/._-]+", fullmatch=True)


@st.composite
def faults(draw: st.DrawFn) -> Fault:
    """Any fault that can be."""
    kind = draw(st.sampled_from(Kind))
    row = ROWS[kind]
    argument = draw(ARGUMENTS[row.takes] if row.needs else st.none() | ARGUMENTS[row.takes])
    counted = draw(
        st.builds(Selector, nth=COUNTS) | st.builds(Selector, after=COUNTS, every=COUNTS)
    )
    named = kind is not Kind.RESET_EARLY
    where = Selector(
        counted.nth,
        counted.after,
        counted.every,
        draw(COUNTS) if named else None,
        draw(COUNTS) if named else None,
        draw(PATHS),
    )
    flipped = row.stores is not None and draw(st.booleans())
    return Fault(kind, argument, flipped, where, draw(COUNTS), draw(st.integers(1, 100)))


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
        ("reset", False),
        ("apply-then-reset", True),
        ("silent", False),
        ("lose", True),
        ("status:500", False),
        ("apply-then-500", True),
        ("truncate", True),
        ("drop-then-truncate", False),
        ("token-refuse", True),
    ],
)
def test_a_prefix_turns_storing_round(text: str, stored: bool) -> None:
    """Each fault comes with and without the write."""
    assert parse_fault(text).stores is stored
