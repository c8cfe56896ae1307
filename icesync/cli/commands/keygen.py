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
    are found; without it, nothing can be guessed from the snapshot.

    \b
    icesync keygen | gh secret set ICESYNC_FINGERPRINT_KEY
    icesync keygen --out .icesync/fingerprint.key
    """
    import secrets

    from icesync.cli.files import write_new
    from icesync.codec.fingerprint import KEY_BYTES, encode_key

    console = common.console
    line = f"{encode_key(secrets.token_bytes(KEY_BYTES))}\n"
    if out is None:
        console.data(line)
    elif write_new(common.folder / out, line.encode(), 0o600):
        console.talk(f"a new key is in {out}; keep it out of the repository")
    else:
        console.talk(f"{out} is there already and was kept")
    return 0
