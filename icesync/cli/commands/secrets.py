"""``icesync secrets``."""

from __future__ import annotations

import click

from icesync.cli.help import Pages
from icesync.cli.options import Common, common_options, format_options

__all__ = ["command"]


@click.group(name="secrets", cls=Pages)
@common_options
def command() -> None:
    """
    Check that every secret reference resolves.

    Values are never shown. References: ref+env:// ref+file:// ref+sops:// ref+vault:// ref+openbao://
    ref+op:// ref+awssecrets:// ref+awsssm:// ref+gcpsecrets://
    ref+azurekeyvault:// ref+keyring:// ref+exec://

    \b
    icesync secrets check
    icesync secrets check --json
    """


@command.command(name="check")
@common_options
@format_options
@click.pass_obj
def check(common: Common, format_name: str, as_json: bool) -> int:
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
    if as_json or format_name == "json":
        console.document(secrets_document(statuses))
    else:
        console.data(render_secrets(statuses, session.clock.now(), console.style))
    return SecretMissing.exit_code if any(s.problem for s in statuses) else EXIT_OK
