"""``icesync emulator``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from icesync.cli.help import Page
from icesync.cli.options import Common, common_options

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


_EPILOG: Final = """\b
Faults of updates: [PREFIX]KIND[:ARGUMENT][@SELECTOR,...] [xN]
  status:503       answer with this status
  throttle[:rate=10/s,retry=2]
                   answer 429 with Retry-After, always or above a rate
  latency:40ms     store at once, answer later
  late:5s          never answer; store this long after the caller gave up
  reset            read the request, then reset the connection
  silent           read the request and never answer
  prefixes         drop-then- (default) discards the write, apply-then- stores it:
                   apply-then-500, apply-then-reset, apply-then-silent
  selectors        nth=3  every=5  skill=663;  xN: at most N times

\b
Profile keys and values (the first value is the default):
  token            invalid unauthorized ok-message error redirect
  message          documented plain successful lower-case list
  unknown          create reject

\b
While it runs, GET /_emulator/{servers,calls,stats,faults,profile,token}; with the
header X-Emulator-Token: POST and DELETE /_emulator/faults, POST /_emulator/reset,
POST /_emulator/tokens/expire, PUT /_emulator/servers/ORG/SKILL.
"""

_SAMPLE: Final = """\
  api:
    base_url: {}
    login: {{organization: 59, username: any, password: ref+env://ICE_PASSWORD}}
"""
"""A configuration that fits: without --user any login is accepted."""

_FILE: Final = click.Path(path_type=Path, dir_okay=False)


def _options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the flags of the emulator."""
    options = (
        click.option("--port", type=click.IntRange(0, 65535), default=8591,
                     metavar="PORT", help="0 picks a free port."),
        click.option("--bind", "host", default="127.0.0.1", metavar="ADDRESS",
                     help="Listen on ADDRESS."),
        click.option("--insecure-bind", is_flag=True,
                     help="Allow an ADDRESS that others can reach."),
        click.option("--data", type=_FILE, metavar="FILE",
                     help="Store data in FILE.", show_default="in memory"),
        click.option("--user", "users", multiple=True, metavar="NAME:PASSWORD",
                     help="Accept only these logins.", show_default="any"),
        click.option("--token-ttl", "token_ttl_s", type=click.IntRange(min=1), default=1200,
                     metavar="SECONDS", help="Lifetime of tokens."),
        click.option("--fault", "faults", multiple=True, metavar="SPEC",
                     help="Inject a fault (see below). Repeatable; the first match wins."),
        click.option("--latency", metavar="TIME",
                     help="Delay every reply by this much, such as 40ms."),
        click.option("--profile", multiple=True, metavar="KEY=VALUE",
                     help="Choose what the vendor does not document (see below). Repeatable."),
        click.option("--tls-cert", type=_FILE, metavar="FILE",
                     help="Serve TLS with this certificate chain (PEM)."),
        click.option("--tls-key", type=_FILE, metavar="FILE",
                     help="Private key, if it is in a separate file."),
        click.option("--ready-file", type=click.Path(path_type=Path), metavar="FILE",
                     help="Write the URL to FILE once ready."),
    )  # fmt: skip
    for option in reversed(options):
        command = option(command)
    return command


@click.command(name="emulator", cls=Page, epilog=_EPILOG)
@common_options
@_options
@click.pass_obj
def command(
    common: Common, /, ready_file: Path | None, users: tuple[str, ...], **settings: Any
) -> int:
    """
    Run a local ICE emulator.

    Its page, http://127.0.0.1:8591/_emulator/, shows servers, calls and faults.

    \b
    icesync emulator --port 8591
    icesync emulator --fault 'apply-then-reset@nth=3' --fault status:503@every=10
    """
    from urllib.parse import urljoin

    from icesync.bootstrap.emulator import EmulatorOptions, run_emulator
    from icesync.cli.files import write_private
    from icesync.engine.session import demand_free
    from icesync.errors import UsageError

    console = common.console
    if settings["tls_key"] and not settings["tls_cert"]:
        raise UsageError("--tls-key needs --tls-cert", "--tls-cert FILE names the certificate")

    project = common.project_around() if ready_file is not None else None
    if ready_file is not None and project is not None:
        demand_free(project, "--ready-file", ready_file)

    def ready(url: str) -> None:
        console.data(f"listening on {url}\n")
        console.flush()
        console.talk(f"page: {urljoin(url, '/_emulator/')}\n\nicesync.yaml:\n{_SAMPLE.format(url)}")
        if ready_file is not None:
            write_private(ready_file, f"{url}\n".encode())

    try:
        run_emulator(EmulatorOptions(users=_accepted(users), **settings), ready)
    except KeyboardInterrupt:
        console.talk("stopped")
    return 0


def _accepted(users: tuple[str, ...]) -> Mapping[str, str] | None:
    from icesync.errors import UsageError

    accepted = dict(user.split(":", 1) for user in users if ":" in user)
    if len(accepted) != len(users):
        raise UsageError("--user takes NAME:PASSWORD, each name once")
    return accepted or None
