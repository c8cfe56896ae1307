"""``icesync emulator``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from icesync.cli.options import Common, common_options

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["command"]

_EPILOG: Final = """\b
Faults: KIND[:ARGUMENT][@SELECTOR,...] [xN] [%P], the same for the same --seed.
  replies   status:503  html:502  redirect[:URL]  throttle[:rate=10/s,retry=2,form=date]
            message:lower-case  echo  bom  utf16  xml  no-content-type
            big:4  bad-gzip  gzip-bomb:64  header-flood:256
  tokens    token-expire  token-refuse
  time      latency:40ms  jitter:20ms  late:5s (stored after the caller gave up)
  wire      reset-early  reset  fin  silent  lose  half-head  garbage
            truncate:7  bad-chunk  drip:30ms  interim:1000  hang-up
  prefixes  apply-then-reset, apply-then-500: stored first; drop-then-truncate: not stored
  selectors nth=3  after=20  every=5  org=59  skill=663  path=Login (path=/ is every call)
  xN        at most N times;  %P  in P of 100 cases

\b
Profile keys and values, the first is the default:
  token       invalid unauthorized ok-message error redirect
  message     documented plain successful lower-case list spaced
  unknown     create reject          orgid   ignore reject
  modelstate  checked ignored        logout  object list
  role        admin agent supervisor
  org-key     both OrgId OrganizationId
  empty-string  clear keep           key     address server-id
  accept      ignored honoured (XML for who prefers it)

\b
While it runs: GET, POST and DELETE /_emulator/faults, POST /_emulator/tokens/expire,
POST /_emulator/reset, PUT /_emulator/servers/ORG/SKILL.
"""

_FILE: Final = click.Path(path_type=Path, dir_okay=False)


def _options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the flags of the emulator."""
    options = (
        click.option("--port", type=click.IntRange(0, 65535), default=8591, show_default=True,
                     help="0 takes a free one."),
        click.option("--bind", "host", default="127.0.0.1", show_default=True, metavar="ADDRESS",
                     help="Listen on ADDRESS."),
        click.option("--insecure-bind", is_flag=True,
                     help="Allow an ADDRESS that others can reach."),
        click.option("--data", type=_FILE, metavar="FILE",
                     help="Keep what it holds in FILE; otherwise in memory."),
        click.option("--user", "users", multiple=True, metavar="NAME:PASSWORD",
                     help="Accept only these logins; otherwise any."),
        click.option("--token-ttl", "token_ttl_s", type=click.IntRange(min=1), default=1200,
                     metavar="SECONDS", help="How long tokens live.  [default: 1200]"),
        click.option("--fault", "faults", multiple=True, metavar="SPEC",
                     help="Let something go wrong, see below; repeatable, the first wins."),
        click.option("--seed", type=int, default=0, metavar="N",
                     help="Throw the dice of the faults by N.  [default: 0]"),
        click.option("--latency", metavar="TIME",
                     help="Answer every call so much later, such as 40ms."),
        click.option("--profile", multiple=True, metavar="KEY=VALUE",
                     help="Settle what the vendor leaves open, see below; repeatable."),
        click.option("--tls-cert", type=_FILE, metavar="FILE",
                     help="Speak TLS with this certificate and its chain (PEM)."),
        click.option("--tls-key", type=_FILE, metavar="FILE",
                     help="Its key, if that is in a file of its own."),
        click.option("--ready-file", type=click.Path(path_type=Path), metavar="FILE",
                     help="Write the address there once calls are taken."),
    )  # fmt: skip
    for option in reversed(options):
        command = option(command)
    return command


@click.command(name="emulator", epilog=_EPILOG)
@common_options
@_options
@click.pass_obj
def command(
    common: Common, /, ready_file: Path | None, users: tuple[str, ...], **settings: Any
) -> int:
    """
    Serve an emulated ICE on this machine.

    The page /_emulator/ shows what it holds.

    \b
    icesync emulator --port 8591
    icesync.yaml:  api: {base_url: http://127.0.0.1:8591/ICEAPI}
    icesync emulator --fault 'apply-then-reset@nth=3' --fault 'status:503 %10' --seed 7
    """
    from icesync.bootstrap.emulator import EmulatorOptions, run_emulator
    from icesync.cli.files import write_private
    from icesync.errors import UsageError

    console = common.console
    if settings["tls_key"] and not settings["tls_cert"]:
        raise UsageError("--tls-key needs --tls-cert", "--tls-cert FILE names the certificate")

    def ready(url: str) -> None:
        console.data(f"listening on {url}\n")
        console.flush()
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
