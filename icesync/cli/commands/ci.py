"""``icesync ci``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import click

from icesync.cli.help import Pages
from icesync.cli.options import Common, common_options, read_duration

Command: TypeAlias = Callable[..., Any]


def _place_options(function: Command) -> Command:
    """Add the flags that say where to post; each is detected in a pipeline."""
    options = (
        click.option("--key", metavar="KEY",
                     show_default="its folder",
                     help="Name that tells this configuration from others."),
        click.option("--forge", type=click.Choice(["auto", "github", "gitlab"]), default="auto",
                     help="GitHub or GitLab."),
        click.option("--api-url", metavar="URL", help="URL of the REST API."),
        click.option("--project", metavar="NAME", help="Repository (OWNER/NAME) or project ID."),
        click.option("--ca-file", type=click.Path(path_type=Path), metavar="FILE",
                     envvar="CI_SERVER_TLS_CA_FILE", help="Trust only the CA in FILE."),
        click.option("--timeout", "timeout_s", callback=read_duration, default="3m",
                     metavar="TIME", help="Give up after this time."),
    )  # fmt: skip
    for option in reversed(options):
        function = option(function)
    return function


@click.group(name="ci", cls=Pages)
@common_options
def command() -> None:
    """
    Post a plan or a check to GitHub or GitLab.

    Reads the token from ICESYNC_GITHUB_TOKEN or GITHUB_TOKEN, or from
    ICESYNC_GITLAB_TOKEN or GITLAB_TOKEN (CI_JOB_TOKEN cannot write comments), and
    sends it only to the API of the server that runs the pipeline.

    \b
    icesync plan --report markdown=plan.md; icesync ci comment --body plan.md
    icesync check --report markdown=check.md || icesync ci issue --body check.md
    """


@command.command(name="comment")
@common_options
@click.option("--body", type=click.Path(path_type=Path, allow_dash=True), metavar="FILE",
              help="Markdown file to post; - for stdin.")  # fmt: skip
@click.option("--outdated", is_flag=True,
              help="Mark the comments of this configuration and its shards outdated.")  # fmt: skip
@click.option("--only-changes", is_flag=True,
              help="Do not create a comment for a plan without changes.")  # fmt: skip
@click.option("--number", type=click.IntRange(min=1), metavar="N",
              help="Number of the pull request or merge request.")  # fmt: skip
@_place_options
@click.pass_obj
def comment(common: Common, /, **flags: Any) -> int:
    """
    Keep one comment on a pull request or merge request up to date.

    The comment is found by its first line and its author. A read-only token, as in
    a fork's pull request, is not an error: the text goes to the job summary instead.
    Exits 4 when the token is missing or rejected, 12 when GitHub or GitLab is
    unreachable or rejects the post; the plan itself is unaffected.

    \b
    icesync plan --report markdown=plan.md; icesync ci comment --body plan.md
    icesync ci comment --outdated
    """
    from icesync.cli.posting import Comment, Where, post_comment

    comment = Comment(flags.pop("body"), flags.pop("outdated"), flags.pop("only_changes"))
    return post_comment(common, comment, Where(**flags))


@command.command(name="issue")
@common_options
@click.option("--body", type=click.Path(path_type=Path, allow_dash=True), metavar="FILE",
              help="Markdown file to post; - for stdin.")  # fmt: skip
@click.option("--title", default="icesync: changes are waiting to be applied",
              metavar="TEXT", help="Title of a new issue.")  # fmt: skip
@click.option("--close", is_flag=True, help="Close the issue if one is open.")
@_place_options
@click.pass_obj
def issue(common: Common, /, **flags: Any) -> int:
    """
    Keep one issue about a scheduled check up to date.

    Opens an issue, updates it while it is open, and closes it with --close. Exit
    codes are those of `icesync ci comment`.

    \b
    icesync check --report markdown=check.md || icesync ci issue --body check.md
    icesync ci issue --close
    """
    from icesync.cli.posting import Issue, Where, post_issue

    issue = Issue(flags.pop("body"), flags.pop("title"), flags.pop("close"))
    return post_issue(common, issue, Where(**flags))
