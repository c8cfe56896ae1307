"""Rules that a look at the source decides."""

from __future__ import annotations

import ast
import inspect
import tokenize
from functools import cache
from pathlib import Path

import pytest
from mutation import MUTATIONS, Mutation

import icesync
from icesync import errors

PACKAGE = Path(icesync.__file__).parent
MODULES = {path.relative_to(PACKAGE).as_posix(): path for path in sorted(PACKAGE.rglob("*.py"))}

OPENERS = (
    "wire/",
    "codec/fingerprint.py",
    "codec/secretfile.py",
    "model/secret.py",
    "forge/client.py",
    "probe/sasl.py",
)
"""
Who may open a secret.

`fingerprint` tells kinds and lengths, too, so that no rule needs the value; `secretfile` writes
what a person asked an import for; the forge's token travels in a header that no one
else writes, and a probe's login is a purpose of its own.
"""


@cache
def parsed(path: Path) -> ast.Module:
    """Return the tree of a file."""
    text = path.read_text()
    try:
        return ast.parse(text)
    except SystemError:
        # Python 3.11 miscounts its depth when threads or the collector come between:
        # https://github.com/python/cpython/issues/106905
        return ast.parse(text)


def test_tree_is_found() -> None:
    """A rule over no files would hold in silence."""
    assert len(MODULES) > 50


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.effect)
def test_mutations_fit_the_tree(mutation: Mutation) -> None:
    """What `tests/mutation.py` would change is still there."""
    assert mutation.old in MODULES[mutation.path].read_text()


@pytest.mark.parametrize("name", MODULES)
def test_module_says_what_it_is(name: str) -> None:
    """Every module opens with a sentence."""
    text = ast.get_docstring(parsed(MODULES[name]))

    assert text
    assert text.rstrip().endswith((".", ":"))


def calls_of(name: str, path: Path) -> list[int]:
    """Return the lines where something called *name* is called, as a function or a method."""
    found = []
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Call):
            target = node.func
            called = target.attr if isinstance(target, ast.Attribute) else getattr(target, "id", "")
            found += [node.lineno] if called == name else []
    return found


def test_who_opens_secrets() -> None:
    """Secrets are opened where they are sent, fingerprinted, and looked at for their kind."""
    openers = {name for name, path in MODULES.items() if calls_of("reveal", path)}

    assert {name for name in openers if not name.startswith(OPENERS)} == set()


def test_nobody_goes_around_reveal() -> None:
    """The text inside of a secret is touched by its class alone."""
    touching = {name for name, path in MODULES.items() if "reveal" in words_of(path)}
    indirect = {name for name in touching if not calls_of("reveal", MODULES[name])}

    assert indirect <= {"model/secret.py"}


def words_of(path: Path) -> set[str]:
    """Return the names in the code of a file; comments and texts do not count."""
    with path.open("rb") as stream:
        return {t.string for t in tokenize.tokenize(stream.readline) if t.type == tokenize.NAME}


def test_who_prints() -> None:
    """Only the console writes; one line of the entry point is older than it."""
    printing = {name for name, path in MODULES.items() if calls_of("print", path)}

    assert printing <= {"__main__.py"}


def test_who_exits() -> None:
    """Only the entry point ends the process, and a second signal."""
    ending = {n for n, p in MODULES.items() if calls_of("exit", p) or calls_of("_exit", p)}

    assert ending <= {"__main__.py", "cli/interrupt.py"}


def test_no_room_for_odds_and_ends() -> None:
    """No module is called after what it is not."""
    names = {part.removesuffix(".py") for name in MODULES for part in name.split("/")}

    assert names.isdisjoint({"utils", "util", "helpers", "helper", "common", "misc"})


def test_public_names_exist() -> None:
    """What ``__all__`` promises is there."""
    import importlib

    missing = []
    for name in MODULES:
        dotted = "icesync." + name.removesuffix(".py").replace("/", ".").removesuffix(".__init__")
        module = importlib.import_module(dotted.removesuffix(".__init__").rstrip("."))
        missing += [n for n in getattr(module, "__all__", ()) if not hasattr(module, n)]

    assert missing == []


ERRORS = [
    kind
    for _, kind in inspect.getmembers(errors, inspect.isclass)
    if issubclass(kind, errors.IcesyncError)
]


@pytest.mark.parametrize("kind", ERRORS)
def test_error_has_a_documented_exit_code(kind: type[errors.IcesyncError]) -> None:
    """The exit code of every error stands in the table."""
    assert kind("text").exit_code in errors.EXIT_CODES


def test_every_exit_code_has_an_error() -> None:
    """A documented code that nothing returns is a promise that nobody keeps."""
    signals = {errors.Interrupted("text", signal_number=n).exit_code for n in (1, 2, 15)}
    codes = {kind("text").exit_code for kind in ERRORS} | signals | {0, errors.EXIT_CHANGES}

    assert set(errors.EXIT_CODES) == codes


def test_errors_are_listed() -> None:
    """Every error is in the tree at the top of its module."""
    text = errors.__doc__ or ""

    assert [kind.__name__ for kind in ERRORS if kind.__name__ not in text] == []
