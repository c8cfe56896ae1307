"""The reference page of ``icesync.yaml`` comes from the table; ``--update-golden`` writes it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from icesync.config.schema import build_schema, default_of, describe_option
from icesync.model.project import GROUPS, OPTIONS, Limit, Option, OptionKind

if TYPE_CHECKING:
    import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "schemas" / "configuration.md"

_HEAD = """\
# Options of `icesync.yaml`

icesync looks for the file in the working directory and its parents, up to the repository's root.
`version: 1` is required; everything else may be left out. `icesync schema icesync` prints its JSON
Schema for editors. The tests write this page from the table in `icesync/model/project.py`.

A host that gets a credential must be the vendor's, a cloud's or on this machine. The job allows
others, outside the repository: `ICESYNC_ALLOW_HOST=HOST` or `HOST:PORT`, several separated by
spaces or commas.
"""


def _value(value: Any) -> str:
    """Return *value* as YAML on one line."""
    return yaml.safe_dump(value, default_flow_style=True, width=1000).strip().removesuffix("\n...")


def _takes(row: Option) -> str:
    if row.kind is OptionKind.CHOICE:
        return " or ".join(f"`{word}`" for word in row.choices)
    low, high = row.bounds
    return f"{row.kind}, {low:g} to {high:,}" if high else str(row.kind)


def _section(row: Option) -> str:
    lines = [f"### `{row.path}`"]
    about = row.text
    if row.kind is OptionKind.LIMIT:
        about = f"At most so many {row.text} in one run; the stricter of a count and a share."
    lines += [describe_option(row) if about == row.text else about, ""]
    facts = [f"Takes: {_takes(row)}{'; required in its group' if row.required else ''}"]
    default = default_of(row)
    if default not in (None, [], {}):
        facts.append(f"default: `{_value(default)}`")
    if row.kind is OptionKind.REFERENCE:
        facts.append(f"example: `ref+env://{row.examples[0]}`")
    elif row.examples:
        facts.append(f"example: `{_value(row.examples[-1])}`")
    lines.append(f"- {'; '.join(facts)}")
    if any(row.choices.values()):
        lines += [f"- `{word}`: {meaning}" for word, meaning in row.choices.items()]
    return "\n".join([*lines, ""])


def _page() -> str:
    groups: dict[str, list[Option]] = {"": []}
    for path, row in OPTIONS.items():
        groups.setdefault(path.rpartition(".")[0], []).append(row)
    parts = [_HEAD]
    for group, rows in groups.items():
        parts.append(f"## `{group}`\n\n{GROUPS[group]}\n" if group else "## At the top\n")
        parts += [_section(row) for row in rows]
    return "\n".join(parts)


def test_reference_page_is_that_of_the_table(pytestconfig: pytest.Config) -> None:
    """Each option has its sentence, default, bounds and example on the page."""
    page = _page()
    if pytestconfig.getoption("--update-golden"):
        PAGE.parent.mkdir(exist_ok=True)
        PAGE.write_text(page, encoding="utf-8")

    assert PAGE.read_text(encoding="utf-8") == page


def test_every_row_is_whole() -> None:
    """A row has a sentence, bounds that hold its default, and words that do."""
    for row in OPTIONS.values():
        assert row.text, row.path
        if row.kind in {OptionKind.INTEGER, OptionKind.NUMBER}:
            low, high = row.bounds
            assert low < high, row.path
            assert row.default is None or low <= row.default <= high, row.path
        if row.kind is OptionKind.CHOICE:
            assert row.default is None or row.default in row.choices, row.path
        if row.kind is OptionKind.LIMIT:
            assert isinstance(row.default, Limit), row.path


def test_every_group_is_described() -> None:
    """What stands together has a sentence, in the schema and on the page."""
    groups = {path.rpartition(".")[0] for path in OPTIONS} - {""}

    assert groups == set(GROUPS)
    assert set(build_schema("icesync")["properties"]) == {
        "version", *(path.partition(".")[0] for path in OPTIONS)
    }  # fmt: skip
