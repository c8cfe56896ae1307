"""``icesync probe``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from icesync.cli.options import common_options
from icesync.cli.output_options import output_options
from icesync.model.command_result import Command

if TYPE_CHECKING:
    from icesync.cli.output import Output

__all__ = ["command"]


@click.command(name="probe")
@click.argument("addresses", nargs=-1, metavar="[ADDR]...")
@common_options
@click.option("--changed", is_flag=True, help="Only the servers that a plan would change.")
@click.option("--all", "unused", is_flag=True, help="Also the way to collect that is not in use.")
@click.option("--strict", is_flag=True, help="Servers that cannot be reached fail too.")
@click.option("--dns", "with_dns", is_flag=True, help="Look at MX, SPF, DMARC of senders.")
@click.option(
    "--ca-file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Trust these certificates besides the public ones.",
)
@click.option(
    "--allow-cleartext",
    "clear_text",
    multiple=True,
    metavar="ADDR",
    help="Let this server's passwords travel unencrypted where nothing else is offered.",
)
@click.option(
    "--allow",
    "allowed",
    multiple=True,
    metavar="host-change[:ADDR]",
    help="Show a password to a host that never got it; naming ADDR says the same.",
)
@click.pass_obj
@output_options(Command.PROBE)
def command(
    output: Output,
    addresses: tuple[str, ...],
    changed: bool,
    unused: bool,
    strict: bool,
    with_dns: bool,
    ca_file: Path | None,
    clear_text: tuple[str, ...],
    allowed: tuple[str, ...],
) -> int:
    """
    Log in to the mail servers, before anything is sent to ICE.

    One login each, from this machine, as the files want it: encryption,
    certificate, user name and password, sender, inbox. Never sends mail, never
    marks or deletes any. Exits 11 when a mail server said no; what could not be
    reached is a warning, since runners are often firewalled.

    \b
    icesync probe
    icesync probe 59/663 '70/*' --strict
    icesync probe --changed --report junit=probe.xml --report html=probe.html
    """
    from icesync.engine.probe import ProbeRequest
    from icesync.engine.probe_gate import ProbeCommand, probe
    from icesync.errors import EXIT_OK

    request = ProbeCommand(
        addresses,
        allowed,
        ProbeRequest(changed, unused, clear_text),
        str(ca_file) if ca_file else None,
        domains=with_dns,
        strict=strict,
    )
    probe(output.open(), request, output)
    return EXIT_OK
