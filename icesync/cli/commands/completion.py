"""``icesync completion``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from icesync.cli.help import Page
from icesync.cli.options import Common, common_options

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_SHELLS: Final = ("bash", "zsh", "fish")


@click.command(name="completion", cls=Page, no_args_is_help=True)
@click.argument("shell", type=click.Choice(_SHELLS), required=False)
@common_options
@click.option("--install", is_flag=True, help="Put the script where the shell looks for it.")
@click.pass_obj
def command(common: Common, shell: str | None, install: bool) -> int:
    """
    Print a shell completion script.

    It completes commands and options, addresses and organizations, files, rules, guards,
    reports and schemas. With --install the script is put in place; without a shell, for
    the one of $SHELL.

    \b
    icesync completion --install
    icesync completion bash > ~/.local/share/bash-completion/completions/icesync
    icesync completion zsh > ~/.zfunc/_icesync
    """
    from icesync.errors import FileUnwritable, UsageError

    name = shell or Path(os.environ.get("SHELL", "")).name
    if name not in _SHELLS:
        begin = "there is no script for that shell" if name else "which shell is meant?"
        verb = "icesync completion --install" if install else "icesync completion"
        raise UsageError(begin, *(f"{verb} {each}" for each in _SHELLS))
    script = _script(name)
    if not install:
        common.console.data(script)
        return 0
    from icesync.cli.files import write_open

    path = script_path(name, os.environ)
    there = path.is_file() and path.read_text(encoding="utf-8", errors="replace") == script
    if not there:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise FileUnwritable(f"cannot create {path.parent}: {error.strerror}") from None
        write_open(path, script.encode())
    common.console.talk(f"{path} {'is up to date' if there else 'was written'}")
    for line in next_steps(name, path, os.environ):
        common.console.talk(line)
    return 0


def _script(shell: str) -> str:
    from click.shell_completion import get_completion_class

    from icesync.cli.main import program

    kind = get_completion_class(shell)
    assert kind is not None
    return kind(program, {}, "icesync", "_ICESYNC_COMPLETE").source().rstrip("\n") + "\n"


def script_path(shell: str, environ: Mapping[str, str]) -> Path:
    """Return where *shell* looks for the script of one user."""
    home = Path(environ.get("HOME") or Path.home())
    data = Path(environ.get("XDG_DATA_HOME") or home / ".local/share")
    config = Path(environ.get("XDG_CONFIG_HOME") or home / ".config")
    if shell == "bash":
        own = environ.get("BASH_COMPLETION_USER_DIR") or data / "bash-completion"
        return Path(own) / "completions" / "icesync"
    if shell == "zsh":
        return _zsh_home(environ) / ".zfunc" / "_icesync"
    return config / "fish" / "completions" / "icesync.fish"


def _zsh_home(environ: Mapping[str, str]) -> Path:
    return Path(environ.get("ZDOTDIR") or environ.get("HOME") or Path.home())


def next_steps(shell: str, path: Path, environ: Mapping[str, str]) -> Iterator[str]:
    """Yield what is left to do until *shell* uses the script at *path*."""
    if shell == "zsh":
        rc = _zsh_home(environ) / ".zshrc"
        text = rc.read_text(encoding="utf-8", errors="replace") if rc.is_file() else ""
        if str(path.parent.name) not in text:
            yield f"add this to {rc}, before compinit if that is there:"
            yield f"  fpath+=({path.parent}); autoload -Uz compinit && compinit"
    if shell == "bash":
        yield "it needs the package bash-completion of your system"
    yield f"new shells complete then; for this one: exec {shell}"
