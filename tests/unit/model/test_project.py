from __future__ import annotations

import pytest

from icesync.model.project import Api, Limit


@pytest.mark.parametrize(
    ("limit", "servers", "ceiling"),
    [
        (Limit(), 100, None),
        (Limit(count=5), 100, 5),
        (Limit(count=0), 100, 0),
        (Limit(share=0.3), 100, 30),
        (Limit(share=0.29), 100, 29),
        (Limit(share=0.3), 14, 4),
        (Limit(share=0.3), 10, 3),
        (Limit(share=0.3), 9, None),
        (Limit(share=0.0), 9, 0),
        (Limit(count=2, share=0.3), 9, 2),
        (Limit(count=5, share=0.3), 100, 5),
        (Limit(count=50, share=0.3), 100, 30),
        (Limit(count=0, share=0.3), 1, 0),
    ],
    ids=["none", "count", "count of zero", "share", "inexact share", "rounded down", "ten",
         "few", "few and none", "few and a count", "count is stricter", "share is stricter",
         "zero stays zero"],
)  # fmt: skip
def test_the_stricter_of_count_and_share_wins(
    limit: Limit, servers: int, ceiling: int | None
) -> None:
    """A share is rounded down and does not count below 10 servers; zero stays zero."""
    assert limit.ceiling(servers) == ceiling


@pytest.mark.parametrize(("base_url", "emulated"), [("emulator", True), ("https://x", False)])
def test_only_the_word_means_the_emulator(base_url: str, *, emulated: bool) -> None:
    """``base_url: emulator`` is a word, everything else an address."""
    assert Api(base_url).emulated is emulated
