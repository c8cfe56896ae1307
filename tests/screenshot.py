"""
Make the picture of the README anew: ``python tests/screenshot.py``.

The quickstart's fleet is applied to the emulator, in parts and at several times;
then somebody edits it, and the plan of that is what the picture shows. Give a
folder as argument to keep the pages of the plan and of its apply there.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final
from unittest.mock import patch

from browser import Browser
from rig import Result, run_program

from icesync.bootstrap import SystemClock

if TYPE_CHECKING:
    from datetime import datetime

ROOT: Final = Path(__file__).parents[1]
PICTURE: Final = ROOT / ".github" / "report.png"

_LEFT_OUT: Final = shutil.ignore_patterns(".icesync", "*.state.json*")

_HISTORY: Final = (
    (412, "318/21*"),
    (140, "318/2[02]*"),
    (61, "440/*"),
    (20, "59/*"),
    (5, "212/100*"),
    (0, "212/101*"),
)
"""How many days ago which servers were applied."""

_EDITS: Final = (
    ("servers/59-sample.yaml", "port: 995", "port: 110"),
    ("servers/59-sample.yaml", "host: pop3.mail.com", "host: pop.mail.example.net"),
    ("servers/440-komorebi.yaml", "port: 465", "port: 587"),
    ("demo-secrets.yaml", "demo-only-212-1003-smtp", "rotated"),
)
_GONE: Final = (("servers/212-harrow-finch.yaml", 1006), ("servers/bergblick/poland.yaml", 2203))
_NEW: Final = """\
  - skill: 1020
    name: Press office
    smtp: &account
      username: press@harrow-finch.example.com
      password: ref+file://demo-secrets.yaml#/212-1001/smtp
      mailbox: press@harrow-finch.example.com
    imap: *account
removed:
  - {skill: 1006, action: disable}
"""


def prepare(folder: Path) -> Path:
    """Return a copy of the quickstart below *folder*, applied, then edited."""
    fleet = folder / "quickstart"
    shutil.copytree(ROOT / "examples" / "quickstart", fleet, ignore=_LEFT_OUT)
    _run(fleet, "keygen", "--out", ".icesync/fingerprint.key")
    for days, target in _HISTORY:
        with patch("icesync.bootstrap.SystemClock", _clock(days)):
            _run(fleet, "apply", "--auto-approve", "--target", target)
    _edit(fleet)
    return fleet


def _clock(days: int) -> type[SystemClock]:
    class Earlier(SystemClock):
        def now(self) -> datetime:
            return super().now() - timedelta(days=days)

    return Earlier


def _edit(fleet: Path) -> None:
    """Change what a pull request might: ports, a host, a password; one comes, two go."""
    for name, old, new in _EDITS:
        path = fleet / name
        path.write_text(path.read_text().replace(old, new))
    for name, skill in _GONE:
        path = fleet / name
        server = rf"^  - skill: {skill}\n(?:    .*\n)*"
        path.write_text(re.sub(server, "", path.read_text(), flags=re.MULTILINE))
    with (fleet / "servers/212-harrow-finch.yaml").open("a") as file:
        file.write(_NEW)


def _run(fleet: Path, *arguments: str, codes: tuple[int, ...] = (0,)) -> Result:
    result = run_program(arguments, fleet)
    if result.code not in codes:
        raise RuntimeError(result.stderr)
    return result


def main() -> None:
    """Write the picture, and the pages where somebody wants them."""
    with tempfile.TemporaryDirectory() as scratch:
        fleet = prepare(Path(scratch))
        _run(fleet, "plan", "--report", "html=plan.html")
        page = fleet / "plan.html"
        with Browser(Path(scratch) / "profile") as browser:
            browser.look(width=1280)
            browser.open(page)
            PICTURE.write_bytes(browser.picture(height=1180))
        if len(sys.argv) > 1:
            allowed = ("--allow", "host-change", "--allow", "disabled")
            _run(fleet, "apply", "-y", *allowed, "--report", "html=apply.html")
            for name in ("plan.html", "apply.html"):
                shutil.copy(fleet / name, sys.argv[1])
    if shutil.which("pngquant"):
        subprocess.run(["pngquant", "--force", "--ext", ".png", "64", PICTURE], check=True)


if __name__ == "__main__":
    main()
