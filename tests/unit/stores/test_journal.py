from __future__ import annotations

import fcntl
import os
import threading
from typing import TYPE_CHECKING

import pytest

from icesync.errors import StateError, StateNotSaved
from icesync.stores.journal import LocalJournals

if TYPE_CHECKING:
    from pathlib import Path

    from icesync.ports import JournalLine


def line(text: bytes) -> JournalLine:
    """Return a record of which the number does not matter."""
    return lambda _number, _durable: text


def _broken(_: int) -> None:
    raise OSError(5, "Input/output error")


@pytest.fixture
def journals(tmp_path: Path) -> LocalJournals:
    """The journals beside a snapshot in a scratch folder."""
    return LocalJournals(tmp_path / "state.json")


def test_records_stand_in_the_order_of_their_tickets(journals: LocalJournals) -> None:
    """What was appended first is read first."""
    journal = journals.begin(b"head\n", 100)
    for number in range(5):
        journal.commit(line(b"%d\n" % number))
    journal.close()

    assert journals.read() == b"head\n0\n1\n2\n3\n4\n"


def test_where_the_system_lacks_calls_of_linux(
    journals: LocalJournals, monkeypatch: pytest.MonkeyPatch
) -> None:
    """MacOS has neither `fdatasync` nor `posix_fallocate`: all is flushed, nothing reserved."""
    flushed: list[int] = []
    monkeypatch.delattr(os, "fdatasync")
    monkeypatch.delattr(os, "posix_fallocate")
    monkeypatch.setattr(os, "fsync", flushed.append)
    journal = journals.begin(b"head\n", 100)
    begun = len(flushed)
    journal.commit(line(b"1\n"))

    assert begun > 0
    assert len(flushed) == begun + 1
    journal.close()
    assert journals.read() == b"head\n1\n"


def test_full_flush_where_the_system_offers_it(
    journals: LocalJournals, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`fsync` of macOS may leave data in the drive; `F_FULLFSYNC` does not."""
    asked: list[int] = []
    monkeypatch.delattr(os, "fdatasync")
    monkeypatch.setattr(fcntl, "F_FULLFSYNC", 51, raising=False)
    monkeypatch.setattr(fcntl, "fcntl", lambda _descriptor, command: asked.append(command))
    journal = journals.begin(b"head\n", 100)
    journal.commit(line(b"1\n"))
    journal.close()

    assert asked
    assert set(asked) == {51}


def test_a_record_that_was_waited_for_is_in_the_file(
    journals: LocalJournals, tmp_path: Path
) -> None:
    """Waiting returns only when the bytes are there, also without a close."""
    journal = journals.begin(b"head\n", 100)
    journal.append(line(b"a\n"))
    journal.commit(line(b"b\n"))

    assert (tmp_path / "state.json.journal").read_bytes().startswith(b"head\na\nb\n")

    journal.close()


def test_many_threads_share_flushes(
    journals: LocalJournals, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Records that gather while a flush runs are flushed together."""
    flushes = []
    real = os.fdatasync

    def slow(descriptor: int) -> None:
        flushes.append(descriptor)
        threading.Event().wait(0.005)
        real(descriptor)

    monkeypatch.setattr("icesync.stores.journal.os.fdatasync", slow)
    journal = journals.begin(b"head\n", 10_000)

    def work() -> None:
        for _ in range(10):
            journal.commit(line(b"record\n"))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    journal.close()

    assert (journals.read() or b"").count(b"record\n") == 80
    assert len(flushes) < 60


@pytest.mark.parametrize("call", ["pwrite", "fdatasync"])
def test_a_failing_disk_wakes_every_waiter(
    journals: LocalJournals, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    """One failed write or flush ends all waits with the error; nothing hangs."""
    journal = journals.begin(b"head\n", 100)

    def refuse(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(f"icesync.stores.journal.os.{call}", refuse)
    failures: list[str] = []

    def work() -> None:
        try:
            journal.commit(line(b"record\n"))
        except StateNotSaved as error:
            failures.append(error.message)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(5)

    assert len(failures) == 4
    assert "No space left on device" in failures[0]


def test_the_gate_stays_closed_after_a_failure(
    journals: LocalJournals, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A flush that worked again after a failed one would prove nothing."""
    journal = journals.begin(b"head\n", 100)
    with monkeypatch.context() as patch:
        patch.setattr(
            "icesync.stores.journal.os.fdatasync",
            lambda _: (_ for _ in ()).throw(OSError(5, "EIO")),
        )
        with pytest.raises(StateNotSaved):
            journal.commit(line(b"record\n"))

    with pytest.raises(StateNotSaved):
        journal.append(line(b"more\n"))
    with pytest.raises(StateNotSaved):
        journal.close()


def test_no_room_means_no_journal(journals: LocalJournals, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk is met before the first call, and leaves no file behind."""

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("icesync.stores.journal.os.posix_fallocate", full)

    with pytest.raises(StateNotSaved, match="nothing was sent"):
        journals.begin(b"head\n", 100)
    assert journals.read() is None


def test_a_file_system_that_cannot_reserve_is_used_as_it_is(
    journals: LocalJournals, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Setting room aside is a help, not a need."""
    import errno

    def unsupported(*_: object) -> None:
        raise OSError(errno.EOPNOTSUPP, "not supported")

    monkeypatch.setattr("icesync.stores.journal.os.posix_fallocate", unsupported)

    journals.begin(b"head\n", 100).close()

    assert journals.read() == b"head\n"


def test_a_journal_that_is_there_is_not_overwritten(journals: LocalJournals) -> None:
    """A second journal would lose the first one's records."""
    journals.begin(b"head\n", 10).close()

    with pytest.raises(StateNotSaved):
        journals.begin(b"other\n", 10)
    assert journals.read() == b"head\n"


def test_dropping_is_for_good_and_may_be_repeated(journals: LocalJournals) -> None:
    """No journal after a drop, and a second drop is harmless."""
    journals.begin(b"head\n", 10).close()
    journals.drop()
    journals.drop()

    assert journals.read() is None


def test_a_journal_that_cannot_be_removed_is_said(tmp_path: Path) -> None:
    """A folder in its place is an error in words."""
    (tmp_path / "state.json.journal").mkdir()

    with pytest.raises(StateNotSaved, match="cannot remove the"):
        LocalJournals(tmp_path / "state.json").drop()


def test_a_folder_in_its_place_is_not_a_journal(tmp_path: Path) -> None:
    """Only a regular file is read."""
    (tmp_path / "state.json.journal").mkdir()

    with pytest.raises(StateError):
        LocalJournals(tmp_path / "state.json").read()


def test_a_link_in_its_place_is_not_followed(tmp_path: Path) -> None:
    """Nobody can make icesync read another file as its journal."""
    (tmp_path / "other").write_text("x")
    (tmp_path / "state.json.journal").symlink_to(tmp_path / "other")

    with pytest.raises(StateError):
        LocalJournals(tmp_path / "state.json").read()


def test_the_journal_stands_beside_the_target_of_a_link(tmp_path: Path) -> None:
    """A snapshot that is a link has its journal where its bytes are."""
    (tmp_path / "disk").mkdir()
    (tmp_path / "disk" / "real.json").write_text("{}")
    (tmp_path / "state.json").symlink_to(tmp_path / "disk" / "real.json")
    LocalJournals(tmp_path / "state.json").begin(b"head\n", 10).close()

    assert (tmp_path / "disk" / "real.json.journal").read_bytes() == b"head\n"
