"""ICE108, ICE204 to ICE210, ICE302, ICE311 and ICE605: the settings of one server together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from icesync.config.lint.logins import check_address, domain_of
from icesync.config.lint.problem import Violation
from icesync.model.fields import FIELDS, INCOMING_BLOCKS, Presence

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from icesync.model.desired import DesiredServer

__all__ = ["check_server"]

_LONGEST_RATE: Final = 1440
_WIDE: Final = 60

_BLOCK_KEYS: Final = {
    block: tuple(f.key for f in FIELDS if f.block == block and f.presence is Presence.IN_USE)
    for block in INCOMING_BLOCKS
}


def check_server(server: DesiredServer) -> Iterator[Violation]:
    """Yield what the rules about one server say about *server*."""
    for rule in _RULES:
        yield from rule(server)


def _status_and_active(server: DesiredServer) -> Iterator[Violation]:
    status, active = server.settings.get("status"), server.settings.get("active")
    if active is not None and status is not None and (status == "Enabled") is not active:
        told = f"`status` is {status} and `active` {str(active).lower()}"
        yield Violation(
            "ICE108", "active", f"{told}: they disagree", "the sample request has no `IsActive`"
        )


def _spoofing(server: DesiredServer) -> Iterator[Violation]:
    enabled = server.settings.get("spoofing.enabled")
    address = server.settings.get("spoofing.address")
    if address is None:
        if enabled and server.whole:
            told = "spoofing is on, but `spoofing.address` has no value"
            yield Violation("ICE204", "spoofing.enabled", told, "add `spoofing.address`")
        return
    yield from check_address("spoofing.address", str(address), in_use=bool(enabled))
    if not enabled:
        told = "`spoofing.address` is ignored while spoofing is off"
        yield Violation(
            "ICE205", "spoofing.address", told, "switch `spoofing.enabled` on or remove it"
        )
        return
    mine, its = domain_of(str(address)), domain_of(str(server.settings.get("smtp.mailbox", "")))
    related = mine == its or mine.endswith(f".{its}") or its.endswith(f".{mine}")
    if its and not related:
        yield Violation(
            "ICE206",
            "spoofing.address",
            f"`spoofing.address` is of {mine}, `smtp.mailbox` of {its}: SPF and DMARC will "
            "likely fail",
            f"permit the mail server of {its} in the records of {mine}, or use one domain",
        )


def _unused_block(server: DesiredServer) -> Iterator[Violation]:
    incoming = server.settings.get("incoming")
    unused = next((block for block in INCOMING_BLOCKS if block != incoming), "")
    keys = _BLOCK_KEYS[unused]
    given = [key for key in keys if key in server.settings or key in server.secrets]
    mentioned = {f"{unused}.username", f"{unused}.mailbox", f"{unused}.password"}.intersection(
        given
    )
    if mentioned and len(given) < len(keys) and server.whole:
        missing = ", ".join(f"`{key}`" for key in keys if key not in given)
        told = f"`{unused}` is not in use, and incomplete: {missing} will be sent as empty"
        yield Violation("ICE210", given[0], told, "fill it, or remove the block")


def _both_flags(server: DesiredServer) -> Iterator[Violation]:
    if server.settings.get("ssl") and server.settings.get("tls"):
        told = "`ssl` and `tls` are both on; the vendor does not say which wins"
        yield Violation("ICE302", "tls", told, "switch one of them off")


def _poll_rates(server: DesiredServer) -> Iterator[Violation]:
    settings = server.settings
    keys = ("smtp.poll_rate", f"{settings.get('incoming')}.poll_rate")
    rates = [(int(settings[key]), key) for key in keys if key in settings]
    for rate, key in rates:
        if rate > _LONGEST_RATE:
            told = f"`{key}` {rate}: is it meant in seconds? the vendor names no unit"
            yield Violation("ICE311", key, told, "the vendor's sample has 10")
            return
    (low, _), (high, key) = min(rates, default=(1, "")), max(rates, default=(1, ""))
    if high >= low * _WIDE:
        told = f"`{key}` {high} is {high // low} times the other block's {low}"
        yield Violation("ICE311", key, told, "one of the two may be in another unit")


def _answers(server: DesiredServer) -> Iterator[Violation]:
    settings = server.settings
    key = f"{settings.get('incoming')}.mailbox"
    collected, sender = settings.get(key), settings.get("smtp.mailbox")
    if collected is None or sender is None or collected == sender:
        return
    shown = settings.get("spoofing.address") if settings.get("spoofing.enabled") else None
    senders = {str(text).lower() for text in (sender, shown) if text is not None}
    if str(collected).lower() not in senders:
        told = f"answers go to {shown or sender}, but `{key}` collects {collected}"
        yield Violation("ICE605", key, told, "use one mailbox, or forward the one to the other")


_RULES: Final[tuple[Callable[[DesiredServer], Iterator[Violation]], ...]] = (
    _status_and_active,
    _spoofing,
    _unused_block,
    _both_flags,
    _poll_rates,
    _answers,
)
