"""``icesync keygen``."""

from __future__ import annotations

from pathlib import Path

import click

from icesync.cli.help import Page
from icesync.cli.options import Common, common_options

__all__ = ["command"]


@click.command(name="keygen", cls=Page)
@common_options
@click.option(
    "-o",
    "--out",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write the key to FILE; an existing key is kept.",
)
@click.pass_obj
def command(common: Common, out: Path | None) -> int:  # fmt: skip
    """
    Generate the key for password fingerprints.

    It has 256 bits. Keep it where the secrets are, never in the repository: with it, rotations
    are found; without it, nothing can be guessed from the state.

    \b
    icesync keygen --out .icesync/fingerprint.key
    gh secret set ICESYNC_FINGERPRINT_KEY < .icesync/fingerprint.key
    """
    from icesync.cli.files import write_new
    from icesync.engine.access import make_key
    from icesync.engine.protect import demand_private

    console, key = common.console, make_key()
    if out is None:
        console.data(key.decode())
        return 0
    demand_private(out)
    if write_new(out, key, 0o600):
        console.talk(f"created {out}; do not commit it")
    else:
        console.talk(f"{out} already exists; kept")
    return 0
