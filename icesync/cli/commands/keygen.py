"""``icesync keygen``."""

from __future__ import annotations

from pathlib import Path

import click

from icesync.cli.options import Common, common_options

__all__ = ["command"]


@click.command(name="keygen")
@common_options
@click.option(
    "-o",
    "--out",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write it to FILE; a key that is there already is kept.",
)
@click.pass_obj
def command(common: Common, out: Path | None) -> int:  # fmt: skip
    """
    Make the key of the secrets' fingerprints.

    It has 256 bits. Keep it where the secrets are, never in the repository: with it, rotations
    are found; without it, nothing can be guessed from the state.

    \b
    icesync keygen | gh secret set ICESYNC_FINGERPRINT_KEY
    icesync keygen --out .icesync/fingerprint.key
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
        console.talk(f"a new key is in {out}; keep it out of the repository")
    else:
        console.talk(f"{out} is there already and was kept")
    return 0
