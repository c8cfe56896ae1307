"""The files that ``icesync init`` writes."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Final

from icesync.cli.files import write_new
from icesync.codec.fingerprint import KEY_BYTES, encode_key
from icesync.model.project import EMULATOR, VENDOR_BASE_URL

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["scaffold"]

_CONFIG: Final = """\
version: 1
api:
  base_url: {base_url}
{access}
files: ["servers/**/*.yaml"]
state: {{backend: local, path: icesync.state.json}}
fingerprints: {{key: ref+file://.icesync/fingerprint.key}}
limits: {{updates: 30%, disables: 1, adopts: 20}}
guards: [tls-off, spoofing-on, disabled, host-change]
"""

_ACCESS: Final = """\
  token: ref+env://ICE_TOKEN      # or a login, from which a token is obtained:
  # login: {organization: 59, username: admin@example.com, password: ref+env://ICE_PASSWORD}"""

_EMULATED: Final = "  # the embedded emulator accepts everybody; its data is in .icesync/"

_SERVERS: Final = """\
version: 1
organization: {organization}
defaults:
  status: Enabled
  active: true
  incoming: imap
  ssl: false
  tls: true
servers:
  - skill: {skill}
    name: First skill
    smtp:
      host: smtp.example.org
      port: 587
      username: support@example.org
      password: ref+env://ICE_{organization}_{skill}_SMTP
      mailbox: support@example.org
      poll_rate: 10
    imap:
      host: imap.example.org
      port: 993
      username: support@example.org
      password: ref+env://ICE_{organization}_{skill}_IMAP
      mailbox: support@example.org
      poll_rate: 10
"""

_GITIGNORE: Final = """\
.icesync/
*.state.json.lock
*.state.json.backup
*.state.json.journal
*.state.json.tmp-*
"""


def scaffold(
    folder: Path, organization: int, skill: int, *, emulated: bool
) -> Iterator[tuple[str, bool]]:
    """Write the files that are not there yet; yield each path and whether it was written."""
    base_url = EMULATOR if emulated else VENDOR_BASE_URL
    access = _EMULATED if emulated else _ACCESS
    texts = {
        "icesync.yaml": _CONFIG.format(base_url=base_url, access=access),
        f"servers/{organization}.yaml": _SERVERS.format(organization=organization, skill=skill),
        ".gitignore": _GITIGNORE,
    }
    for name, text in texts.items():
        yield name, write_new(folder / name, text.encode())
    key = f"{encode_key(secrets.token_bytes(KEY_BYTES))}\n"
    name = ".icesync/fingerprint.key"
    yield name, write_new(folder / name, key.encode(), 0o600)
