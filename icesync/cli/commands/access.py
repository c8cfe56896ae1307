"""``icesync keygen``, ``login``, ``token``, ``secrets``: who icesync is, and what it may read."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from icesync.cli.help import Page, Pages
from icesync.cli.options import Common, common_options, format_options

if TYPE_CHECKING:
    from icesync.engine.access import TokenInfo


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
def keygen_command(common: Common, out: Path | None) -> int:  # fmt: skip
    """
    Generate the key for password fingerprints.

    It has 256 bits. Keep it where the secrets are, never in the repository: with it, rotations
    are found; without it, nothing can be guessed from the state.

    \b
    icesync keygen --out .icesync/fingerprint.key
    gh secret set ICESYNC_FINGERPRINT_KEY < .icesync/fingerprint.key
    """
    from icesync.cli.files import is_stream, write_new, write_secret
    from icesync.engine.access import make_key
    from icesync.engine.session import KEY, demand_free, demand_private

    console, key = common.console, make_key()
    if out is None:
        console.data(key.decode())
        return 0
    if is_stream(out):
        write_secret(out, key)
        return 0
    project = common.project_around()
    if project is not None:
        demand_free(project, "--out", out, own=KEY)
    demand_private(out)
    if write_new(out, key, 0o600):
        console.talk(f"created {out}; do not commit it")
    else:
        console.talk(f"{out} already exists; kept")
    return 0


@click.command(name="login", cls=Page)
@common_options
@click.option(
    "-o",
    "--out",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="File for the token, readable only by you.",
    show_default=".icesync/token beside icesync.yaml",
)
@click.pass_obj
def login_command(common: Common, out: Path | None) -> int:  # fmt: skip
    """
    Log in and save the token to a file.

    Logs in with `api.login`. The token is never printed.

    \b
    icesync login
    icesync.yaml:  api: {token: ref+file://.icesync/token}
    """
    from icesync.cli.files import check_writable, is_stream, write_secret
    from icesync.engine.access import log_in
    from icesync.engine.session import TOKEN, demand_free, demand_private

    session = common.open()
    path = out
    if path is None:
        path = Path(session.project.root) / ".icesync" / "token"
        path.parent.mkdir(exist_ok=True)
    demand_free(session.project, "--out", path, own=TOKEN)
    if not is_stream(path):
        demand_private(path)
    check_writable(path)
    data, info = log_in(session)
    write_secret(path, data)
    common.console.talk(f"saved to {out or '.icesync/token'}: {describe_token(info)}")
    token = session.project.api.token
    if token is not None and token.scheme != "file":
        common.console.talk(f"note: `api.token` is {token}: apply does not read this file")
    return 0


@click.command(name="token", cls=Page)
@common_options
@click.pass_obj
def token_command(common: Common) -> int:
    """
    Show whose token it is and when it expires.

    Reads the token of `api.token`, which is never printed. Exits 4 if it has expired or is
    not a token.

    \b
    icesync token
    icesync token || icesync login
    """
    from icesync.engine.access import inspect_token

    common.console.data(f"{describe_token(inspect_token(common.open()))}\n")
    return 0


@click.group(name="secrets", cls=Pages)
@common_options
def secrets_command() -> None:
    """
    Check that every secret reference resolves.

    Values are never shown. References: ref+env:// ref+file:// ref+sops:// ref+vault:// ref+openbao://
    ref+op:// ref+awssecrets:// ref+awsssm:// ref+gcpsecrets://
    ref+azurekeyvault:// ref+keyring:// ref+exec://

    \b
    icesync secrets check
    icesync secrets check --json
    """


@secrets_command.command(name="check")
@common_options
@format_options
@click.pass_obj
def check(common: Common, as_json: bool) -> int:
    """
    Check that every secret reference resolves.

    Shows one line per reference: found or missing, version and age if the provider
    knows them, and who uses it. Exits 3 when one is missing.

    \b
    icesync secrets check
    icesync secrets check --json
    """
    from icesync.engine.access import check_secrets
    from icesync.errors import EXIT_OK, SecretMissing
    from icesync.render.secrets import render_secrets, secrets_document

    session, console = common.open(), common.console
    statuses = check_secrets(session.project, session.providers)
    if as_json:
        console.document(secrets_document(statuses))
    else:
        console.data(render_secrets(statuses, session.clock.now(), console.style))
    return SecretMissing.exit_code if any(s.problem for s in statuses) else EXIT_OK


def describe_token(info: TokenInfo) -> str:
    """Return whom a token is for and when it ends, never the token."""
    from icesync.model.snapshot import readable_time
    from icesync.render.style import safe

    claims = info.claims
    if claims is None:
        return "a token that is not a JSON Web Token"
    who = f"{safe(claims.username or 'somebody')} at organization {claims.organization}"
    if claims.expires_at is None:
        return f"token of {who}; it has no expiry date"
    left_s = (claims.expires_at - info.now).total_seconds()
    ends = readable_time(claims.expires_at)
    return f"token of {who}, expires at {ends}, in {left_s / 60:.0f} minutes"
