from __future__ import annotations

import pytest

from icesync.model.fields import (
    BLOCKS,
    FIELDS,
    FIELDS_BY_KEY,
    SENT_FIELDS,
    SETTING_FIELDS,
    Field,
    Kind,
    Role,
    WireType,
)

VENDOR_NAMES = [
    "OrgId", "OrganizationId", "SkillId", "EmailServerId", "Status", "IsActive", "IsImap",
    "IsSSL", "IsTLS", "IsEmailSpoofing", "SpoofEmail",
    "SMTPServerAddress", "SMTPPort", "SMTPUserName", "SMTPPassword", "SMTPMailbox", "SMTPPollrate",
    "Pop3ServerAddress", "Pop3Port", "Pop3UserName", "Pop3Password", "Pop3Mailbox", "Pop3Pollrate",
    "ImapServerAddress", "ImapPort", "ImapUserName", "ImapPassword", "ImapMailbox", "ImapPollrate",
]  # fmt: skip


def test_table_knows_every_documented_name() -> None:
    """The table's wire names are those of the vendor's sample and table, but for the token."""
    assert [name for field in FIELDS for name in field.wire] == VENDOR_NAMES


def test_keys_are_unique() -> None:
    """One key is one row."""
    assert len(FIELDS_BY_KEY) == len(FIELDS)


def test_blocks_stand_in_the_table_s_order() -> None:
    """Nested mappings keep the order of the rows."""
    assert BLOCKS == ("spoofing", "smtp", "pop3", "imap", "password_version", "probe")


@pytest.mark.parametrize("field", FIELDS, ids=lambda field: field.key)
def test_key_is_its_block_and_leaf(field: Field) -> None:
    """A dotted key falls into its block and its leaf."""
    joined = f"{field.block}.{field.leaf}" if field.block else field.leaf

    assert joined == field.key


def test_secrets_are_the_three_passwords() -> None:
    """Only passwords may be given by reference alone."""
    found = [field.key for field in FIELDS if field.secret]

    assert found == ["smtp.password", "pop3.password", "imap.password"]


def test_what_is_sent_has_one_name_and_a_type() -> None:
    """A row that rides in a request says under which name and as what."""
    assert all(len(f.wire) == 1 and f.wire_type is not WireType.NONE for f in SENT_FIELDS)


def test_triggers_are_compared_and_not_sent() -> None:
    """A password version, or that there is no login, shows in a plan and rides under no name."""
    triggers = {field.key for field in SETTING_FIELDS} - {field.key for field in SENT_FIELDS}

    assert triggers == {f.key for f in FIELDS if f.kind in {Kind.VERSION, Kind.LOGIN}}


def test_labels_and_addresses_are_not_settings() -> None:
    """A server's name and address are no part of its record."""
    assert not {Role.LABEL, Role.ADDRESS, Role.LOCAL} & {field.role for field in SETTING_FIELDS}
