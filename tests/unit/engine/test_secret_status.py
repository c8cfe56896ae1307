from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from fakes import FakeProvider

from icesync.engine.access import check_secrets
from icesync.errors import ConfigInvalid, SecretMissing
from icesync.model.project import Project
from icesync.model.secret import SecretMetadata, SecretRef, parse_secret_ref

if TYPE_CHECKING:
    from pathlib import Path

SERVER = """\
version: 1
organization: 59
defaults:
  {status: Enabled, active: true, incoming: imap, ssl: false, tls: true,
   smtp: {host: h.example.net, username: u, mailbox: a@b.example.net, poll_rate: 1},
   imap: {host: h.example.net, username: u, mailbox: a@b.example.net, poll_rate: 1}}
servers:
"""
BLOCKS = """\
  - skill: %d
    smtp: {port: 587, password: ref+fake://smtp}
    imap: {port: 993, password: ref+fake://imap}
"""
WRITTEN = SecretMetadata("7", datetime(2026, 11, 1, tzinfo=UTC))


class InformedFake(FakeProvider):
    """A provider that knows versions, but loses sight of what *lost* names."""

    lost = ""

    def metadata(self, reference: SecretRef) -> SecretMetadata:
        """Return the same metadata for everything."""
        if reference.path == self.lost:
            raise SecretMissing("gone meanwhile")
        return WRITTEN


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """Two servers that share a password, and a key."""
    (tmp_path / "servers").mkdir()
    (tmp_path / "servers/59.yaml").write_text(SERVER + BLOCKS % 1 + BLOCKS % 2)
    (tmp_path / "icesync.yaml").write_text("version: 1\n")
    return Project(
        str(tmp_path), "icesync.yaml", fingerprint_key=parse_secret_ref("ref+fake://key")
    )


def test_every_reference_is_followed_once(project: Project) -> None:
    """Sorted, with who uses it, the reason where it leads nowhere, and what is known else."""
    provider = InformedFake(values={"smtp": "x", "key": "y"})
    provider.lost = "key"

    imap, key, smtp = check_secrets(project, {"fake": provider})

    assert (imap.problem, imap.used_by) == (
        "`ref+fake://imap` is not set",
        ("59/1 imap.password", "59/2 imap.password"),
    )
    assert (key.problem, key.used_by, key.metadata) == (
        None,
        ("fingerprints.key",),
        SecretMetadata(),
    )
    assert (smtp.problem, len(smtp.used_by), smtp.metadata) == (None, 2, WRITTEN)
    assert sorted(r.path for r in provider.fetched) == ["imap", "key", "smtp"]


def test_a_provider_may_know_nothing_else(project: Project) -> None:
    """Versions are a comfort that not every provider has."""
    provider = FakeProvider(values={"smtp": "x", "imap": "z", "key": "y"}, remote=True)

    statuses = check_secrets(replace(project, fingerprint_key=None), {"fake": provider})

    assert [(s.problem, s.metadata) for s in statuses] == [(None, SecretMetadata())] * 2


def test_wrong_files_are_told_first(project: Project) -> None:
    """What refers to what is only known once the files are right."""
    with pytest.raises(ConfigInvalid):
        check_secrets(project, {})
