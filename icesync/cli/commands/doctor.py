"""``icesync doctor``."""

from __future__ import annotations

import click

from icesync.cli.help import Page
from icesync.cli.options import Common, common_options, format_options


@click.command(name="doctor", cls=Page)
@common_options
@format_options
@click.pass_obj
def command(common: Common, as_json: bool) -> int:
    """
    Check the setup and print the commands that fix it.

    Looks at the installation, configuration, files, state, fingerprint key, token,
    secrets, git, workflows, and what a dead run left. Sends nothing and writes nothing;
    runs no program but git. Secrets in other stores are not looked up. Exits 3 when
    something is wrong.

    \b
    icesync doctor
    icesync doctor --json
    """
    from icesync.bootstrap.installation import LocalMachine
    from icesync.engine.doctor import diagnose
    from icesync.errors import EXIT_OK, ConfigError
    from icesync.model.report import Health
    from icesync.render.doctor import doctor_document, render_doctor

    findings, console = tuple(diagnose(common.open, LocalMachine())), common.console
    wrong = [finding for finding in findings if finding.health is Health.ERROR]
    if as_json:
        console.document(doctor_document(findings))
    elif not console.quiet:
        console.data(render_doctor(findings, console.style))
    elif wrong:
        console.data(render_doctor(wrong, console.style))
    return ConfigError.exit_code if wrong else EXIT_OK
