"""``icesync completion``."""

from __future__ import annotations

import click

from icesync.cli.help import Page
from icesync.cli.options import Common, common_options


@click.command(name="completion", cls=Page, no_args_is_help=True)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@common_options
@click.pass_obj
def command(common: Common, shell: str) -> int:
    """
    Print a shell completion script.

    \b
    icesync completion zsh > ~/.zfunc/_icesync
    icesync completion bash > ~/.local/share/bash-completion/completions/icesync
    """
    from click.shell_completion import get_completion_class

    from icesync.cli.main import program

    kind = get_completion_class(shell)
    assert kind is not None
    script = kind(program, {}, "icesync", "_ICESYNC_COMPLETE").source()
    common.console.data(script.rstrip("\n") + "\n")
    return 0
