"""From a spreadsheet to a fleet that is applied, and the questions on a terminal."""

from __future__ import annotations

import io
import re
import shlex
import shutil
import subprocess
from typing import IO, TYPE_CHECKING, Any

import pytest
from rig import Result, run_in_terminal, run_program

if TYPE_CHECKING:
    from pathlib import Path

HEADER = ("Organisation", "Skill", "Department", "E-Mail", "Kennwort", "Provider", "Owner")
ROWS = [
    ("59", str(n), f"Desk {n}", f"desk{n}@gmx.de", f"Pass'wort {n}", "gmx.de", "x")
    for n in (1, 2, 3)
]
FLAGS = (
    "--map",
    "Owner=",
    "--set",
    "status=Enabled",
    "--set",
    "incoming=imap",
    "--set",
    "poll_rate=10",
)


def sheet(rows: list[tuple[str, ...]]) -> bytes:
    """Return a workbook, where there is openpyxl, else the same table as Excel's CSV."""
    table = [HEADER, *rows]
    openpyxl: Any = pytest.importorskip("openpyxl", reason="needs the extra `excel`")
    book = openpyxl.Workbook()
    for row in table:
        book.active.append(row)
    stream = io.BytesIO()
    book.save(stream)
    return stream.getvalue()


def exported(root: Path, told: str) -> dict[str, str]:
    """Return what a shell has after the command that an import printed."""
    [command] = re.findall(r"^  (set -a; .*)$", told, re.MULTILINE)
    script = f"{command}; env -0"
    done = subprocess.run(["sh", "-c", script], cwd=root, capture_output=True, check=True)
    pairs = (text.partition("=") for text in done.stdout.decode().split("\0"))
    return {name: value for name, _, value in pairs if name.startswith("ICE_")}


def test_journey_of_a_spreadsheet(tmp_path: Path) -> None:
    """init, import, validate, plan, apply, check; the same import again; then a changed one."""
    subprocess.run(["git", "init", "--quiet", str(tmp_path)], check=True)
    path = tmp_path / ".icesync" / "mailboxes.xlsx"
    path.parent.mkdir()
    path.write_bytes(sheet(ROWS))
    importing = ["import", str(path), *FLAGS, "--secrets", "env:.icesync/p.env"]

    def run(*arguments: str, code: int = 0, env: dict[str, str] | None = None) -> Result:
        done = run_program(arguments, tmp_path, env)
        assert done.code == code, done
        return done

    run("init", "--emulator", "--no-input", "--ci", "none")
    first = run(*importing)
    env = exported(tmp_path, first.stderr)
    run("validate")
    planned = run("plan", env=env)
    run("apply", "-y", env=env)
    run("check", env=env)
    again = run(*importing)
    path.write_bytes(
        sheet([*ROWS[:2], (*ROWS[2][:4], "changed", *ROWS[2][5:]), ("59", "4", *ROWS[0][2:])])
    )
    refused = run(*importing, code=9)
    run(*importing, "--yes")
    rotated = run("plan", env=exported(tmp_path, first.stderr))

    assert sorted(env.values()) == sorted(2 * [row[4] for row in ROWS])
    assert planned.stdout.startswith("Plan: 3 to add.\n")
    assert again.stderr.endswith("3 servers unchanged\n")
    assert "~ 59/3  servers/59.yaml:" in refused.stderr
    assert rotated.stdout.startswith("Plan: 1 to add, 1 to update; 2 unchanged.\n")


def test_interview(tmp_path: Path) -> None:
    """It shows what it understood, asks for the rest, and prints the command that asks nothing."""
    (tmp_path / "icesync.yaml").write_text("version: 1\n")
    table = "\n".join(";".join(row) for row in [HEADER, *ROWS])
    (tmp_path / "m.csv").write_text(table)

    def answer(_: subprocess.Popen[str], screen: IO[bytes]) -> None:
        # The unknown column and the status with a slip, protocol, poll rate, file, yes.
        screen.write(b"n\n-\nEnable\nenabled\nimap\n10\nenv\np.env\n\n")

    done = run_in_terminal(
        ["import", "m.csv"], tmp_path, answer=answer, question=b"leaves it out", stdout_too=True
    )
    shown = done.stdout.replace("\r\n", "\n")
    [command] = re.findall(r"^  icesync (import .*)$", shown, re.MULTILINE)
    again = run_program(shlex.split(command), tmp_path)

    assert done.code == 0, done
    assert "  E-Mail        smtp.mailbox, incoming.mailbox    3 rows\n" in shown
    assert "n is not a setting" in shown
    assert "'Enable' is not one of" in shown
    assert "Add 3 servers?" in shown
    assert "Pass'wort" not in shown
    assert (tmp_path / "p.env").stat().st_mode & 0o777 == 0o600
    assert (again.code, again.stderr.splitlines()[-1]) == (0, "3 servers unchanged")


def test_interview_that_is_declined(tmp_path: Path) -> None:
    """Nothing is written without a yes."""
    (tmp_path / "icesync.yaml").write_text("version: 1\n")
    (tmp_path / "m.csv").write_text("\n".join(";".join(row[:6]) for row in [HEADER, *ROWS]))
    flags = [*FLAGS[2:], "--secrets", "none"]
    done = run_in_terminal(
        ["import", "m.csv", *flags], tmp_path, question=b"[Y/n]",
        answer=lambda _, screen: screen.write(b"n\n") and None, stdout_too=True,
    )  # fmt: skip

    assert done.code == 9, done
    assert not (tmp_path / "servers").exists()


def test_workbook_of_libreoffice(tmp_path: Path) -> None:
    """What it makes of a CSV comes in, but for a user name whose leading zeros it dropped."""
    office = shutil.which("soffice")
    if office is None:
        pytest.skip("needs LibreOffice (Debian's libreoffice-calc-nogui)")
    pytest.importorskip("openpyxl", reason="needs the extra `excel`")
    (tmp_path / "icesync.yaml").write_text("version: 1\n")
    rows = [(*row[:5], row[5], "0012") for row in ROWS]
    table = "\n".join(",".join(row) for row in [(*HEADER[:6], "User"), *rows])
    (tmp_path / "m.csv").write_text(table)
    profile = f"-env:UserInstallation={(tmp_path / 'profile').as_uri()}"
    subprocess.run(
        [office, "--headless", profile, "--convert-to", "xlsx", "m.csv"],
        cwd=tmp_path, capture_output=True, check=True, timeout=120,
    )  # fmt: skip
    flags = (*FLAGS[2:], "--secrets", "none")
    lost = run_program(["import", "m.xlsx", *flags], tmp_path)
    taken = run_program(["import", "m.xlsx", *flags, "--map", "User="], tmp_path)

    assert "`User` (G2, G3 and G4) is a number in the workbook" in lost.stderr
    assert (lost.code, taken.code) == (3, 0), taken
    assert "username: desk1@gmx.de" in (tmp_path / "servers" / "59.yaml").read_text()
