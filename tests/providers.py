"""
Make ``icesync/model/provider_data.py`` from a public database of mail clients.

``python tests/providers.py SETTINGS.json`` writes it, ``--check`` compares only. The input
holds facts of Thunderbird's autoconfig database (hosts, ports, encryption, form of the user
name, ways to log in): ``{"source": …, "providers": [{"id", "name", "domains", "servers"}]}``.
It is not kept in this repository; what is made of it holds no text but names.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, Final

TARGET: Final = Path(__file__).parent.parent / "icesync" / "model" / "provider_data.py"

_HOMES: Final = {993: "imap", 143: "imap", 995: "pop3", 110: "pop3"}
_MODES: Final = {"SSL": "=", "STARTTLS": "+", "plain": "-"}
_USERS: Final = {"%EMAILADDRESS%": "", "%EMAILADDRESS": "", "%EMAILLOCALPART%": "L", None: "N"}

_HEAD: Final = '''\
"""
Settings of mail providers: the long tail behind the presets. Generated, do not edit.

Made by ``tests/providers.py``. One provider a line: id, name, domains of its addresses, and
its servers: block, host, port; then ``=`` TLS at once, ``+`` STARTTLS, ``-`` neither; ``L``
where the user name is the part before the @, ``N`` where there is no login, ``X`` where it is
of another form; ``!`` where no password is taken.
"""

# ruff: noqa: E501, RUF001

from __future__ import annotations

from typing import Final

SOURCE: Final = "github.com/thunderbird/autoconfig"
CHECKED: Final = "%s"

TABLE: Final = """\\
%s"""
'''


def table(found: dict[str, Any]) -> str:
    """Return the text of the module for the settings *found*."""
    lines = []
    for provider in sorted(found["providers"], key=lambda p: p["id"]):
        domains = list(dict.fromkeys(provider["domains"]))
        servers = [text for s in provider["servers"] for text in _servers(s, domains)]
        name = provider["name"]
        name = provider["id"] if not name or "%" in name else name.replace("|", "/")
        domains = [d for d in domains if d != provider["id"]]
        own = [provider["id"]] if provider["id"] in provider["domains"] else ["-"]
        lines.append(f"{provider['id']}|{name}|{' '.join([*own, *domains])}|{' '.join(servers)}\n")
    checked = found["source"].split("commit")[-1].split(",")[1].split(";")[0].strip()
    return _HEAD % (checked, "".join(lines))


def _servers(server: dict[str, Any], domains: list[str]) -> list[str]:
    if server["type"] not in {"smtp", "pop3", "imap"}:
        return []  # what only some clients speak, such as EWS
    if _HOMES.get(server["port"], server["type"]) != server["type"]:
        return []  # a slip of the source: POP3 at a port of IMAP
    user = _USERS.get(server["username"], "X")
    auth = {a for a in server["auth"] if a}
    refuses = "!" if auth and auth <= {"OAuth2"} else ""
    mode = _MODES[server["socket"]]
    hosts = [server["host"]]
    if "%EMAILDOMAIN%" in server["host"]:
        hosts = [server["host"].replace("%EMAILDOMAIN%", domain) for domain in domains]
    return [f"{server['type']}:{h.lower()}:{server['port']}{mode}{user}{refuses}" for h in hosts]


def main(path: str, *options: str) -> int:
    """Write the module, or say whether it is up to date."""
    text = table(json.loads(Path(path).read_text()))
    if "--check" in options:
        return int(TARGET.read_text() != text)
    TARGET.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
