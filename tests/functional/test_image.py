"""The image, built and run where Debian's buildah is: by any user, on the documented volume."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING, Final

import pytest
from localrunner import ROOT

from icesync.cli.options import Common, locate

if TYPE_CHECKING:
    from pathlib import Path

BUILDAH: Final = shutil.which("buildah")
BASE: Final = "docker.io/library/python:3.12-slim"
USER: Final = 1234


def _buildah(*words: str, timeout_s: float = 900) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(BUILDAH), "--storage-driver", "vfs", *words],
        capture_output=True, text=True, check=False, timeout=timeout_s,
    )  # fmt: skip


def _built() -> str:
    """Return a container of the image, or skip the test and say why."""
    if BUILDAH is None or os.geteuid() != 0:
        pytest.skip("no buildah, or not root: the image is not built")
    if _buildah("pull", "--policy", "missing", BASE, timeout_s=120).returncode != 0:
        pytest.skip(f"{BASE} cannot be pulled: the image is not built")
    done = _buildah(
        "bud", "--isolation", "chroot", "--volume", "/etc/ssl/certs:/etc/ssl/certs:ro",
        "--build-arg", "EXTRAS=dns", "--tag", "icesync-under-test", str(ROOT),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    return _buildah("from", "icesync-under-test").stdout.strip()


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_image_works_for_any_user(tmp_path: Path) -> None:
    """With --user and the volume, apply and reports work, and what is written is the caller's."""
    container = _built()
    os.chown(tmp_path, USER, USER)

    def run(*words: str) -> str:
        done = _buildah(
            "run", "--isolation", "chroot", "--user", f"{USER}:{USER}", "--volume",
            f"{tmp_path}:/work", "--env", "ICE_59_663_SMTP=a", "--env", "ICE_59_663_IMAP=b",
            container, "--", *words,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    try:
        run("git", "init", "--quiet", ".")
        run("icesync", "init", "--emulator", "--organization=59", "--skill=663")
        applied = run("icesync", "apply", "--auto-approve", "--report", "html=report.html")
        told = run("icesync", "doctor")
        run("python", "-c", "import dns")
    finally:
        _buildah("rm", container)

    assert "1 applied" in applied
    assert "keys, locks and journals are ignored" in told
    assert {path.stat().st_uid for path in tmp_path.iterdir()} == {USER}
    assert (tmp_path / "report.html").stat().st_size > 0


def test_hint_about_pip_fits_the_image(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is no pip, the hint about an extra is how the image gets it."""
    hint = "pip install 'icesync[aws]'   or a file"
    outside = locate(hint, Common(), ())
    monkeypatch.setenv("ICESYNC_IMAGE", "1")

    assert outside == hint
    assert locate(hint, Common(), ()) == "docker build --build-arg EXTRAS=aws .   or a file"


def test_dockerfile_says_so() -> None:
    """The image is what the hint takes it for."""
    text = (ROOT / "Dockerfile").read_text()

    assert "ICESYNC_IMAGE=1" in text
    assert "ARG EXTRAS=" in text
