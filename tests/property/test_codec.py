from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from builders import BASE_URL, LINEAGE, position
from hypothesis import given
from hypothesis import strategies as st

from icesync.codec.plan import decode_lines, decode_plan, encode_plan, plan_digest
from icesync.codec.state import decode_state, encode_state, seal
from icesync.errors import PlanStale, StateError
from icesync.model.desired import MAX_ID, Address
from icesync.model.fields import SETTING_FIELDS, Field, Kind, Setting
from icesync.model.plan import (
    Action,
    FieldChange,
    Plan,
    Reason,
    ResourceChange,
    SecretChange,
    Selection,
)
from icesync.model.secret import Fingerprint, SecretComparison
from icesync.model.snapshot import Entry, EntryStatus, MovedFrom, Record, SecretRecord, Snapshot

TEXTS = st.text(max_size=8)
ADDRESSES = st.builds(Address, st.integers(1, MAX_ID), st.integers(1, MAX_ID))
KEYS = st.sampled_from([field.key for field in SETTING_FIELDS if not field.secret])
SECRET_KEYS = st.sampled_from([field.key for field in SETTING_FIELDS if field.secret])
VALUES = st.booleans() | st.integers() | TEXTS
NUMBERS = {Kind.ID, Kind.PORT, Kind.POLL_RATE, Kind.VERSION}


def value_of(field: Field) -> st.SearchStrategy[Setting]:
    """Return values of the type of *field*."""
    if field.kind is Kind.FLAG:
        return st.booleans()
    return st.integers() if field.kind in NUMBERS else TEXTS


SETTINGS = st.fixed_dictionaries(
    {}, optional={f.key: value_of(f) for f in SETTING_FIELDS if not f.secret}
)
MOMENTS = st.none() | st.datetimes(datetime(1000, 1, 1)).map(  # noqa: DTZ001 - as text only
    lambda moment: moment.strftime("%Y-%m-%dT%H:%M:%SZ")
)
ATTEMPTS = st.none() | st.builds(
    Record, SETTINGS, st.dictionaries(SECRET_KEYS, st.builds(SecretRecord, TEXTS), max_size=2)
)
FINGERPRINTS = st.none() | st.builds(Fingerprint, st.binary(max_size=16), st.binary(max_size=16))
RECORDS = st.builds(SecretRecord, TEXTS, FINGERPRINTS)
OPTIONAL = st.none() | TEXTS
ENTRIES = st.builds(
    Entry,
    st.sampled_from(EntryStatus),
    SETTINGS,
    st.dictionaries(SECRET_KEYS, RECORDS, max_size=3),
    applied_at=MOMENTS,
    revision=OPTIONAL,
    intent=OPTIONAL,
    attempted_at=MOMENTS,
    bound_to=st.none() | ADDRESSES,
    attempt=ATTEMPTS,
    moved_from=st.none() | st.builds(MovedFrom, ADDRESSES, TEXTS),
    announced_over=OPTIONAL,
)
SNAPSHOTS = st.builds(
    Snapshot,
    TEXTS,
    st.integers(0, 10**9),
    st.just(LINEAGE),
    OPTIONAL,
    OPTIONAL,
    st.dictionaries(ADDRESSES, ENTRIES, max_size=3),
)
POSITIONS = st.none() | st.builds(position, st.integers(1, 10**6), TEXTS)
CHANGES = st.builds(
    ResourceChange,
    ADDRESSES,
    st.sampled_from(Action),
    st.none() | SETTINGS,
    st.none() | SETTINGS,
    st.lists(
        st.builds(FieldChange, KEYS, st.none() | VALUES, st.none() | VALUES, POSITIONS), max_size=2
    ).map(tuple),
    st.lists(
        st.builds(
            SecretChange, SECRET_KEYS, st.sampled_from(SecretComparison), TEXTS, OPTIONAL, POSITIONS
        ),
        max_size=3,
        unique_by=lambda secret: secret.key,
    ).map(tuple),
    st.none() | st.sampled_from(Reason),
    OPTIONAL,
    TEXTS,
    POSITIONS,
)
PATTERNS = st.lists(TEXTS, max_size=2).map(tuple)
PLANS = st.builds(
    Plan,
    st.just(BASE_URL),
    OPTIONAL,
    st.integers(0, 10**9),
    st.lists(CHANGES, max_size=3).map(tuple),
    st.builds(Selection, PATTERNS, PATTERNS, PATTERNS),
    st.booleans(),
    OPTIONAL,
)


@given(SNAPSHOTS)
def test_every_snapshot_reads_back(snapshot: Snapshot) -> None:
    """Decoding undoes encoding, whatever the snapshot says."""
    sealed = replace(snapshot, entries={a: seal(a, e) for a, e in snapshot.entries.items()})

    assert decode_state(encode_state(snapshot, "0.1.0")) == sealed


@given(PLANS)
def test_every_plan_reads_back(plan: Plan) -> None:
    """Decoding undoes encoding, and the digest stays."""
    found = decode_plan(encode_plan(plan, "0.1.0"))

    assert found == plan
    assert plan_digest(found) == plan_digest(plan)


@given(PLANS, st.data())
def test_a_plan_by_lines_is_what_the_whole_says(plan: Plan, data: st.DataObject) -> None:
    """Whatever is cut out, put in or said twice, no line is believed that the whole refuses."""
    lines = encode_plan(plan, "0.1.0").splitlines(keepends=True)

    assert decode_lines(lines) == (plan if plan.changes else None)

    start, end = (data.draw(st.integers(0, len(lines))) for _ in range(2))
    others = data.draw(st.sampled_from(lines) | st.binary(max_size=4))
    changed = [*lines[:start], others, *lines[end:]]
    try:
        whole = decode_plan(b"".join(changed))
    except PlanStale:
        whole = None

    found = decode_lines(changed)

    assert found is None or found == whole


@given(SNAPSHOTS, st.data())
def test_damaged_snapshot_is_refused(snapshot: Snapshot, data: st.DataObject) -> None:
    """Whatever is cut out or put in, the snapshot is refused or reads the same."""
    encoded = encode_state(snapshot, "0.1.0")
    start = data.draw(st.integers(0, len(encoded)))
    end = data.draw(st.integers(start, len(encoded)))
    damaged = encoded[:start] + data.draw(st.binary(max_size=4)) + encoded[end:]

    try:
        found = decode_state(damaged)
    except StateError:
        return

    assert found == decode_state(encoded)


@given(st.binary(max_size=100))
def test_noise_is_no_plan_and_no_snapshot(data: bytes) -> None:
    """Any bytes end in a refusal, never in another error."""
    for decode, refusal in ((decode_state, StateError), (decode_plan, PlanStale)):
        try:
            decode(data)
        except refusal:
            continue
        raise AssertionError("noise was read")
