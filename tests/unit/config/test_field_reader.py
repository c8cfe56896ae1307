from __future__ import annotations

from typing import Any

import pytest

from icesync.config.values import (
    FastPathMiss,
    missing_keys,
    read_layer,
    read_scalar,
)
from icesync.config.yaml_document import Quoted, SourceFile, parse_document
from icesync.model.secret import SecretRef


def _data(text: str) -> Any:
    return parse_document(SourceFile("a.yaml", text.encode())).data


def test_layer_is_flat_and_typed() -> None:
    """A mapping becomes typed values by dotted key, secrets and labels apart."""
    layer = read_layer(
        _data(
            "{skill: 663, name: Support, tls: true, smtp: {port: 587, password: ref+env://ICE_A},"
            " password_version: {smtp: 2}}"
        )
    )

    assert layer.settings == {"tls": True, "smtp.port": 587, "password_version.smtp": 2}
    assert layer.secrets == {"smtp.password": SecretRef("ref+env://ICE_A", "env", "ICE_A")}
    assert layer.labels == {"skill": 663, "name": "Support"}


def test_empty_mapping_is_an_empty_layer() -> None:
    """Defaults may say nothing."""
    layer = read_layer({}, defaults=True)

    assert (layer.settings, layer.secrets, layer.labels) == ({}, {}, {})


@pytest.mark.parametrize(
    "text",
    [
        "text",
        "[1]",
        "{prot: 1}",
        "{organization: 59}",
        "{smtp: 5}",
        "{smtp: [5]}",
        "{smtp: {prot: 5}}",
        "{smtp: {port: {a: 1}}}",
        "{smtp: {port: 0}}",
        "{smtp: {port: '587'}}",
        "{name: [a]}",
        "{name: ~}",
        "{smtp: {password: hunter2}}",
    ],
)
def test_odd_mapping_is_looked_at_closer(text: str) -> None:
    """The quick verdict gives up at anything that does not fit the field table."""
    node = _data(text)

    with pytest.raises(FastPathMiss):
        read_layer(node)


@pytest.mark.parametrize("text", ["{skill: 1}", "{name: a}"])
def test_defaults_name_no_server(text: str) -> None:
    """What names one server cannot be a default."""
    node = _data(text)

    with pytest.raises(FastPathMiss):
        read_layer(node, defaults=True)


def test_memory_tells_quoted_from_plain() -> None:
    """A value that was accepted once is not accepted in quotes for that."""
    read_layer({"smtp": {"port": "2525"}})

    with pytest.raises(FastPathMiss):
        read_layer({"smtp": {"port": Quoted("2525")}})


@pytest.mark.parametrize("key", ["organization", "skill"])
def test_id_is_a_number(key: str) -> None:
    """An id of an address is read as an integer."""
    assert read_scalar("59", key) == 59


@pytest.mark.parametrize("node", [None, [], {}, "0", "x", "", Quoted("59"), "2147483648"])
@pytest.mark.parametrize("key", ["organization", "skill"])
def test_odd_id_is_looked_at_closer(node: Any, key: str) -> None:
    """An id that is missing, quoted or out of range is not taken."""
    with pytest.raises(FastPathMiss):
        read_scalar(node, key)


_SMTP = ["smtp.host", "smtp.port", "smtp.username", "smtp.password", "smtp.mailbox"]
_TOP = ["status", "active", "incoming", "ssl", "tls"]


def test_missing_keys_follow_the_field_table() -> None:
    """An empty server misses the required keys and the sending block, in the table's order."""
    assert missing_keys({}, {}) == [*_TOP, *_SMTP, "smtp.poll_rate"]


@pytest.mark.parametrize("incoming", ["pop3", "imap"])
def test_block_in_use_is_required(incoming: str) -> None:
    """`incoming` chooses which of the two collecting blocks must be whole."""
    missing = missing_keys({"incoming": incoming}, {})

    assert [key for key in missing if key.startswith(("pop3", "imap"))] == [
        key.replace("smtp", incoming) for key in [*_SMTP, "smtp.poll_rate"]
    ]


def test_optional_keys_are_not_missed() -> None:
    """Spoofing, ids and versions may be left out."""
    settings = dict.fromkeys(
        [*_TOP, *(f"{b}.{k}" for b in ("smtp", "pop3") for k in ("host", "port", "username"))], 1
    )
    settings |= dict.fromkeys(
        f"{b}.{k}" for b in ("smtp", "pop3") for k in ("mailbox", "poll_rate")
    )
    settings["incoming"] = "pop3"
    secrets = dict.fromkeys(["smtp.password", "pop3.password"], SecretRef("", "", ""))

    assert missing_keys(settings, secrets) == []
