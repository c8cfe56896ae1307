"""``icesync probe``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from icesync.cli.help import Page
from icesync.cli.options import chosen_servers, common_options, output_options
from icesync.model.report import Command

if TYPE_CHECKING:
    from icesync.cli.output import Output


@click.command(name="probe", cls=Page)
@common_options
@chosen_servers(since=False)
@click.option("--changed", is_flag=True, help="Only the servers that a plan would change.")
@click.option(
    "--all", "unused", is_flag=True, help="Also test the POP3 or IMAP block that is not in use."
)
@click.option("--strict", is_flag=True, help="Also fail on warnings, such as unreachable servers.")
@click.option(
    "--dns", "with_dns", is_flag=True, help="Also check MX, SPF and DMARC of sender domains."
)
@click.option(
    "--timeout",
    "timeout_s",
    type=click.FloatRange(1, 600),
    metavar="SECONDS",
    help="Time limit for each server.",
    show_default="30",
)
@click.option(
    "--ca-file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Also trust these CA certificates.",
)
@click.option(
    "--allow-cleartext",
    "clear_text",
    multiple=True,
    metavar="ADDR",
    help="Allow an unencrypted login for this server if nothing else is offered.",
)
@click.option(
    "--allow",
    "allowed",
    multiple=True,
    metavar="host-change[:ADDR]",
    help="Allow sending a password to a new host; implied when ADDR is given.",
)
@click.pass_obj
@output_options(Command.PROBE)
def command(
    output: Output,
    words: tuple[str, ...],
    changed: bool,
    unused: bool,
    strict: bool,
    with_dns: bool,
    timeout_s: float | None,
    ca_file: Path | None,
    clear_text: tuple[str, ...],
    allowed: tuple[str, ...],
) -> int:
    """
    Test the mail server logins.

    Logs in once per account, from this machine, with the configured settings:
    encryption, certificate, user name and password, sender, inbox. Never sends
    mail and never marks or deletes any. Exits 11 when a mail server rejects a
    login or a setting is wrong. A server that cannot be reached, is busy or
    blocks this machine is a warning, because CI runners are often firewalled.
    A login that a server could not check is tried once more at the end.

    \b
    icesync probe
    icesync probe 59/663 '70/*' --strict
    icesync probe servers/support
    icesync probe --changed --report junit=probe.xml --report html=probe.html
    """
    from icesync.engine.probe import ProbeRequest
    from icesync.engine.probe_gate import ProbeCommand, probe
    from icesync.errors import EXIT_OK

    session = output.open()
    request = ProbeCommand(
        output.common.words(words, session.project.root),
        allowed,
        ProbeRequest(changed, unused, clear_text),
        str(ca_file) if ca_file else None,
        domains=with_dns,
        strict=strict,
        timeout_s=timeout_s,
    )
    probe(session, request, output)
    return EXIT_OK
