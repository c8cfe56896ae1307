"""
The power goes: what was not flushed is gone.

The state lives in a small ext4 image. Its file is copied in the middle of a
run, which is what a disk holds at that instant, without anything that still
waits in memory; the copy is mounted, and the recovery happens there.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections import Counter
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest
from torture.arena import RETRY_FOR_S, seeded
from torture.judge import Violation

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Iterator

    from torture.arena import Ordeal

_CUTS: Final = int(os.environ.get("ICESYNC_TORTURE_CUTS", "200"))
_LATENCY: Final = "latency:12ms"
_PAGE: Final = os.sysconf("SC_PAGESIZE")
_PAGES: Final = 16
_STILL: Final = frozenset("TtXZ")
"""States of threads that will do nothing more (proc(5))."""


@pytest.fixture
def loop() -> None:
    """Skip where images cannot be mounted."""
    if os.geteuid() != 0 or shutil.which("mkfs.ext4") is None or shutil.which("mount") is None:
        pytest.skip("power cuts need root, e2fsprogs and mount")
    if subprocess.run(["losetup", "-f"], check=False, capture_output=True).returncode:
        pytest.skip("there are no loop devices here")


@contextmanager
def mounted(image: Path, place: Path) -> Iterator[None]:
    """Let *place* be the file system in *image* for a while."""
    _do("mount", "-o", "loop", str(image), str(place))
    try:
        yield
    finally:
        _do("umount", str(place))


def _do(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)


def fresh_image(path: Path) -> Path:
    """Make an empty file system."""
    path.unlink(missing_ok=True)
    with path.open("wb") as image:
        image.truncate(8 * 1024 * 1024)
    _do("mkfs.ext4", "-q", "-F", str(path))
    return path


def cut(ordeal: Ordeal, folder: Path, after_s: float, *, defect: str = "", abrupt: bool) -> str:
    """
    Cut the power so long after the start, recover, and return what was found then.

    *abrupt* kills the run first; otherwise it is only stopped while the disk is
    copied, so that nothing can be written behind.
    """
    image, copy = folder / "disk.img", folder / "copy.img"
    before = ordeal.judge.serial
    with mounted(image, ordeal.fleet.volume):
        child = ordeal.start(defect=defect)
        time.sleep(after_s)
        if abrupt:
            child.kill()
        else:
            child.signal(signal.SIGSTOP)
            _await_stop(child.pid)
        _copy_at_rest(image, copy)
        child.kill()
        ordeal.hear()
    copy.replace(image)
    with mounted(image, ordeal.fleet.volume):
        memory = ordeal.judge.look_after_crashes()
        ordeal.recover()
    if memory.serial > before:
        return "saved, journal still there" if memory.journal else "ended"
    return f"{'calls' if memory.records else 'begun'}" if memory.journal else "start"


def _await_stop(pid: int) -> None:
    """Wait until every thread stands still: until then one may still flush, and another send."""
    deadline = time.monotonic() + RETRY_FOR_S
    while any(_state(task) not in _STILL for task in _tasks(pid)):
        if time.monotonic() > deadline:
            raise RuntimeError("the run does not stop")
        time.sleep(0.0005)


def _tasks(pid: int) -> list[Path]:
    try:
        return list(Path(f"/proc/{pid}/task").iterdir())
    except OSError:  # it has ended
        return []


def _state(task: Path) -> str:
    try:
        return (task / "stat").read_text().rpartition(")")[2].split()[0]
    except OSError:  # it has ended
        return "X"


def _copy_at_rest(image: Path, copy: Path) -> None:
    """Copy until nothing was written meanwhile: a power cut takes no time, and a copy does."""
    before = b""
    while (now := image.read_bytes()) != before:
        before = now
    copy.write_bytes(now)


def cut_often(ordeal: Ordeal, folder: Path, cuts: int, chance: random.Random) -> Counter[str]:
    """Cut so often, at any time of a run; return what was found."""
    found: Counter[str] = Counter()
    full_s = 0.8
    for number in range(cuts):
        ordeal.begin()
        ordeal.ice.strike(_LATENCY)
        fresh_image(folder / "disk.img")
        if number % 2:
            with mounted(folder / "disk.img", ordeal.fleet.volume):
                ordeal.recover()
            ordeal.fleet.turn(2)
        after_s = chance.uniform(0.3, 1) * full_s
        now = cut(ordeal, folder, after_s, abrupt=chance.random() < 0.5)
        found[now] += 1
        full_s *= {"start": 1.03, "ended": 0.93}.get(now, 1)
    return found


@pytest.mark.usefixtures("loop")
def test_power_cuts(ordeal: Callable[[int], Ordeal], tmp_path: Path) -> None:
    """What ICE acknowledged before the power went is known afterwards."""
    found = cut_often(ordeal(40), tmp_path, 2, seeded(1))

    assert found.total() == 2


@pytest.mark.usefixtures("loop")
def test_power_cut_without_flushing_is_noticed(
    ordeal: Callable[[int], Ordeal], tmp_path: Path
) -> None:
    """A build that flushes nothing forgets what ICE accepted, and that is seen."""
    made = ordeal(40)
    made.begin()
    made.ice.strike(_LATENCY)
    fresh_image(tmp_path / "disk.img")

    with pytest.raises(Violation, match="I2: ICE accepted"):
        cut(made, tmp_path, 2.0, defect="no-fsync", abrupt=True)


@pytest.mark.usefixtures("loop")
@pytest.mark.torture
def test_many_power_cuts(
    ordeal: Callable[[int], Ordeal], tmp_path: Path, tell: Callable[[str], None]
) -> None:
    """The same, at many moments."""
    found = cut_often(ordeal(40), tmp_path, _CUTS, seeded())
    tell(f"{_CUTS} power cuts: {dict(found)}")

    assert found["calls"] > 0


@pytest.mark.parametrize(
    "step", [pytest.param(3, id="short"), pytest.param(1, id="all", marks=pytest.mark.torture)]
)
@pytest.mark.usefixtures("loop")
def test_full_disk(ordeal: Callable[[int], Ordeal], step: int) -> None:
    """On a disk with only so many free pages a run fails with exit 8, and no call is forgotten."""
    made = ordeal(6)
    codes = set()
    for left in range(0, _PAGES, step):
        made.begin()
        _do("mount", "-t", "tmpfs", "-o", f"size={_PAGES * _PAGE}", "tmpfs", str(made.fleet.volume))
        try:
            codes.add(_apply_with(made, left))
        finally:
            _do("umount", str(made.fleet.volume))

    assert codes == {0, 8}


def _apply_with(ordeal: Ordeal, left: int) -> int:
    """Apply with so many pages left on the disk; return the exit code of the first try."""
    filler = ordeal.fleet.volume / "filler"
    with suppress(OSError), filler.open("wb", buffering=0) as stream:
        stream.write(b"x" * ((_PAGES - left) * _PAGE))
    result = ordeal.start().wait()
    ordeal.hear()
    ordeal.judge.look_after_crashes()
    if result.code == 8 and "nothing was sent" in result.text and ordeal.judge.history:
        raise Violation("calls were made, and it says that nothing was sent")
    filler.unlink()
    ordeal.recover()
    return result.code
