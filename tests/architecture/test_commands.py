"""The table of commands, their help, and the printed schemas say the same as the code."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import click
import pytest
from rig import run_process, run_program

import icesync
from icesync.cli.main import COMMANDS, load_command, module_of, program
from icesync.cli.options import Common
from icesync.config.schema import SCHEMAS as FILES
from icesync.config.schema import build_schema
from icesync.render.documents import DOCUMENTS

if TYPE_CHECKING:
    from collections.abc import Iterator

SCHEMAS = {**FILES, **DOCUMENTS}
ROOT = Path(__file__).parents[2]
FOLDER = Path(icesync.__file__).parent / "cli" / "commands"


def command_of(name: str) -> click.Command:
    """Return the command *name*."""
    command = load_command(name)
    assert isinstance(command, click.Command)
    return command


def all_commands() -> Iterator[tuple[str, click.Command]]:
    """Yield every command and its subcommands."""
    for name in COMMANDS:
        command = command_of(name)
        yield name, command
        if isinstance(command, click.Group):
            yield from ((f"{name} {sub}", c) for sub, c in command.commands.items())


ALL = dict(all_commands())


def test_every_module_is_in_the_table() -> None:
    """A command that is not in the table would not be found."""
    modules = {path.stem for path in FOLDER.glob("*.py")} - {"__init__"}

    assert modules == {module_of(name) for name in COMMANDS}


@pytest.mark.parametrize("name", ALL)
def test_name(name: str) -> None:
    """A command is called as the table calls it."""
    assert ALL[name].name == name.rpartition(" ")[2]


@pytest.mark.parametrize("name", ALL)
def test_help_text(name: str) -> None:
    """Every command says what it does, in a sentence."""
    text = (ALL[name].help or "").strip()

    assert text
    assert text[0].isupper()
    assert "." in text


@pytest.mark.parametrize("name", COMMANDS)
def test_first_line_is_that_of_the_table(name: str) -> None:
    """The list of commands and the command's own help open with the same words."""
    first, _, _ = (ALL[name].help or "").strip().partition("\n")

    assert first == COMMANDS[name]


@pytest.mark.parametrize("name", ALL)
def test_every_option_is_explained(name: str) -> None:
    """No flag stands without a word."""
    silent = {"bind"}
    options = [p for p in ALL[name].params if isinstance(p, click.Option)]

    assert [o.name for o in options if not o.help and o.name not in silent] == []


@pytest.mark.parametrize("name", ALL)
def test_common_flags(name: str) -> None:
    """Every command takes the flags that all take, before and after its name."""
    own = {option for p in ALL[name].params for option in p.opts}
    common = {option for p in program.params for option in p.opts} - {"--version", "-V"}

    assert common <= own


@pytest.mark.parametrize("name", ALL)
def test_help_is_shown(name: str, tmp_path: Path) -> None:
    """Help works everywhere, for every command, without a configuration."""
    result = run_program([*name.split(), "--help"], tmp_path)

    assert (result.code, result.stderr) == (0, "")
    assert result.stdout.startswith(f"Usage: icesync {name}")
    assert "\\b" not in result.stdout  # click's mark for lines to keep, written in a raw text


def page_of(name: str) -> str:
    """Return the help page of the command *name*."""
    with click.Context(program, info_name="icesync") as root:
        return ALL[name].get_help(click.Context(ALL[name], parent=root, info_name=name))


def examples_of(name: str) -> list[str]:
    """Return the lines of the examples of the command *name*."""
    return (ALL[name].help or "").rpartition("\b\n")[2].rstrip().splitlines()


@pytest.mark.parametrize("name", ALL)
def test_layout_of_a_page(name: str) -> None:
    """A page shows examples, its own options, then those of all; values have plain names."""
    page = page_of(name)
    own = [p for p in ALL[name].params if isinstance(p, click.Option)]
    titles = re.findall(r"^(\w[\w ]*):$", page, re.MULTILINE)
    expected = ["Examples", "Commands", "Options", "Global options"]

    assert titles == [title for title in expected if title in titles]
    assert {"Examples", "Global options"} <= {*titles}
    assert all(f"env: {o.envvar}" in " ".join(page.split()) for o in own if o.envvar)
    assert "RANGE" not in page
    assert "[default: 0]  [" not in page


@pytest.mark.parametrize("name", ALL)
def test_examples_parse(name: str) -> None:
    """A page shows at least two examples, and each command in them is one that can be typed."""
    lines = examples_of(name)

    assert len(lines) >= 2
    for line in lines:
        for command in re.findall(r"icesync ((?:(?![;|&<>]).)+)", line):
            parse(command)


def parse(command: str) -> None:
    """Let click read *command*, which raises where it could not be typed."""
    words = shlex.split(command.partition("   ")[0])
    while words[0] in {"-C", "--config"}:
        del words[:2]
    path = " ".join(words[:2]) if " ".join(words[:2]) in ALL else words[0]
    assert path in ALL, command
    parsed = click.Context(program, obj=Common())
    ALL[path].make_context(path, words[len(path.split()) :], parent=parsed)


def printed_commands() -> set[str]:
    """Return the commands that the pages of the scenarios show in what was answered."""
    found = set()
    for page in (ROOT / "tests" / "scenarios").glob("*.txt"):
        lines = [line[2:] for line in page.read_text().splitlines() if line[:2] in {"> ", "! "}]
        found |= {*re.findall(r"`icesync ([^`]+)`", " ".join(map(str.strip, lines)))}
        found |= {line.partition("icesync ")[2] for line in lines if _WHOLE.match(line)}
    return found


_WHOLE = re.compile(r"\s*(?:[\w ]+: )?icesync \S")


def test_printed_commands_parse() -> None:
    """Each command in an answer can be typed: its name, its options and their values."""
    commands = printed_commands()

    assert len(commands) > 20
    for command in commands:
        parse(command)


def test_help_lists_every_command(tmp_path: Path) -> None:
    """The first page names all commands with their lines."""
    shown = " ".join(run_program(["--help"], tmp_path).stdout.split())

    assert [name for name, line in COMMANDS.items() if f"{name} {line}" not in shown] == []


def test_completion_of_a_word(tmp_path: Path) -> None:
    """The shell is told which commands a word may become."""
    asked = {"_ICESYNC_COMPLETE": "bash_complete", "COMP_WORDS": "icesync pl", "COMP_CWORD": "1"}

    assert run_process([], tmp_path, asked).stdout == "plain,plan\n"


PRINTED = ROOT / "schemas"


@pytest.mark.parametrize("name", SCHEMAS)
def test_printed_schema(name: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """``schemas/`` holds what the program prints, for editors that read it from the web."""
    path = PRINTED / f"{name}.schema.json"
    shown = run_program(["schema", name], tmp_path).stdout
    if request.config.getoption("--update-golden"):
        path.write_text(shown)
    printed = path.read_text()

    assert shown == printed
    assert json.loads(printed) == (build_schema(name) if name in FILES else SCHEMAS[name])


@pytest.mark.parametrize("name", FILES)
def test_older_editors_get_draft_7(name: str, tmp_path: Path) -> None:
    """On request a schema of files is printed in the older draft: its twin but for one line."""
    shown = run_program(["schema", name, "--draft", "7"], tmp_path).stdout.splitlines()
    twin = (PRINTED / f"{name}.schema.json").read_text().splitlines()

    assert [line for line, other in zip(shown, twin, strict=True) if line != other] == [
        '  "$schema": "http://json-schema.org/draft-07/schema#",'
    ]


def test_no_other_schema_is_printed() -> None:
    """A schema that the program does not know is a leftover."""
    names = {path.name for path in PRINTED.glob("*.json")}

    assert names == {f"{name}.schema.json" for name in SCHEMAS}
