from __future__ import annotations

from dataclasses import replace

from builders import BASE_URL, LINEAGE, entry
from hypothesis import given
from hypothesis import strategies as st

from icesync.codec.partition import join, lineage_of, split
from icesync.codec.state import seal
from icesync.model.desired import Address
from icesync.model.snapshot import SecretRecord, SentSecret, Snapshot
from icesync.planner import Shard, deal

ADDRESSES = st.builds(Address, st.integers(1, 4), st.integers(1, 6))
KEYS = st.sampled_from([None, "one", "two"])
SIZES = st.dictionaries(st.integers(1, 500), st.integers(0, 40), max_size=40)
PLACES = {organization: f"state/{organization}.json" for organization in range(1, 5)}


def whole(addresses: set[Address], key_id: str | None, name: str) -> Snapshot:
    """Return a snapshot of these servers."""
    entries = {address: seal(address, entry(name=name)) for address in sorted(addresses)}
    return Snapshot(BASE_URL, 0, LINEAGE, key_id, None, entries)


@given(st.sets(ADDRESSES), KEYS)
def test_what_is_split_joins_again(addresses: set[Address], key_id: str | None) -> None:
    """A snapshot that was split into parts and joined again holds the same entries and key."""
    snapshot = whole(addresses, key_id, "a")
    parts = split(snapshot, {o: Snapshot(BASE_URL) for o in PLACES})
    joined = join(parts, PLACES, BASE_URL, LINEAGE)

    assert joined.entries == snapshot.entries
    assert joined.key_id == (key_id if addresses else None)
    assert joined.serial == len({address.organization for address in addresses})


@given(st.sets(ADDRESSES), st.sets(ADDRESSES))
def test_only_what_differs_is_a_part(before: set[Address], after: set[Address]) -> None:
    """A part is written only if its own entries changed, and its serial rises by one."""
    stored = split(whole(before, None, "a"), {o: Snapshot(BASE_URL) for o in PLACES})
    known = {o: stored.get(o, Snapshot(BASE_URL)) for o in PLACES}
    changed = split(whole(after, None, "a"), known)

    assert changed.keys() == {address.organization for address in before ^ after}
    assert all(part.serial == known[o].serial + 1 for o, part in changed.items())


@given(SIZES, st.integers(1, 12))
def test_shards_are_the_fleet(sizes: dict[int, int], total: int) -> None:
    """Shards share no organization, leave none out, and do not depend on the order of files."""
    shards = [deal(sizes, Shard(number, total)) for number in range(1, total + 1)]
    again = [deal(dict(reversed(sizes.items())), Shard(n, total)) for n in range(1, total + 1)]

    assert sorted(o for shard in shards for o in shard) == sorted(sizes)
    assert shards == again


@given(SIZES, st.integers(1, 12))
def test_shards_are_even(sizes: dict[int, int], total: int) -> None:
    """No two shards differ by more than the largest organization."""
    loads = [
        sum(max(1, sizes[o]) for o in deal(sizes, Shard(n, total))) for n in range(1, total + 1)
    ]

    assert max(loads) - min(loads) <= max((max(1, size) for size in sizes.values()), default=0)


@given(SIZES, st.integers(1, 12), st.sets(st.integers(501, 600)))
def test_what_no_file_names_moves_nothing(
    sizes: dict[int, int], total: int, kept: set[int]
) -> None:
    """Organizations known from a disk only do not change where those of the files go."""
    sizes = {o: size + 1 for o, size in sizes.items()}
    for number in range(1, total + 1):
        shard = Shard(number, total)
        more = deal({**dict.fromkeys(kept, 0), **sizes}, shard)

        assert tuple(o for o in more if o in sizes) == deal(sizes, shard)


def test_lineage_follows_from_the_place() -> None:
    """Two runs over the same place have one lineage, over another place another."""
    one = lineage_of(BASE_URL, "state/{organization}.json")

    assert one == lineage_of(BASE_URL, "state/{organization}.json")
    assert one != lineage_of(BASE_URL, "other/{organization}.json")
    assert replace(Snapshot(BASE_URL), lineage=one).lineage == one


@given(st.sets(ADDRESSES, min_size=1))
def test_memory_of_hosts_is_split_and_joined(addresses: set[Address]) -> None:
    """Each part remembers what its own servers sent, and is written for that alone."""
    secret = SecretRecord("ref+env://GONE")
    memory = tuple(SentSecret(a, "smtp.password", "old.test", secret) for a in sorted(addresses))
    snapshot = replace(whole(set(), None, "a"), memory=memory)
    parts = split(snapshot, {o: Snapshot(BASE_URL) for o in PLACES})

    assert parts.keys() == {address.organization for address in addresses}
    assert join(parts, PLACES, BASE_URL, LINEAGE).memory == memory
