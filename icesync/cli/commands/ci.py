"""``icesync ci``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import click

from icesync.cli.options import Common, common_options, read_duration

__all__ = ["command"]

Command: TypeAlias = Callable[..., Any]


def _place_options(function: Command) -> Command:
    """Add the flags that say where to post; each is detected in a pipeline."""
    options = (
        click.option("--key", metavar="KEY",
                     help="Which configuration it is about.  [default: its folder]"),
        click.option("--forge", type=click.Choice(["auto", "github", "gitlab"]), default="auto",
                     show_default=True, help="Where to post."),
        click.option("--api-url", metavar="URL", help="Address of the REST API."),
        click.option("--project", metavar="NAME", help="OWNER/NAME, or the ID of a project."),
        click.option("--ca-file", type=click.Path(path_type=Path), metavar="FILE",
                     envvar="CI_SERVER_TLS_CA_FILE", help="Trust this authority only."),
        click.option("--timeout", "timeout_s", callback=read_duration, default="60s",
                     show_default=True, metavar="TIME", help="Give up after so long."),
    )  # fmt: skip
    for option in reversed(options):
        function = option(function)
    return function


@click.group(name="ci")
@common_options
def command() -> None:
    """
    Post a plan or a check to GitHub or GitLab.

    The token is read from ICESYNC_GITHUB_TOKEN or GITHUB_TOKEN, and from
    ICESYNC_GITLAB_TOKEN or GITLAB_TOKEN (CI_JOB_TOKEN cannot write there). It is
    sent to the API of the pipeline's own server and nowhere else.
    """


@command.command(name="comment")
@common_options
@click.option("--body", type=click.Path(path_type=Path, allow_dash=True), metavar="FILE",
              help="The Markdown to post; - is stdin.")  # fmt: skip
@click.option("--outdated", is_flag=True,
              help="Say in the comment that is there that a newer run is in progress.")  # fmt: skip
@click.option("--only-changes", is_flag=True,
              help="Post nothing new for a plan without changes.")  # fmt: skip
@click.option("--number", type=click.IntRange(min=1), metavar="N",
              help="The pull request or merge request.")  # fmt: skip
@_place_options
@click.pass_obj
def comment(common: Common, /, **flags: Any) -> int:
    """
    Keep one comment on a pull request or merge request up to date.

    The comment is found by its first line and its author. A token that may
    only read, as in the pull request of a fork, is no failure: the text goes to
    the job's summary instead. Exits 4 when no token is set or it is not accepted,
    12 when GitHub or GitLab was not reached or refused; the plan itself is not concerned.

    \b
    icesync plan --report markdown=plan.md; icesync ci comment --body plan.md
    icesync ci comment --outdated
    """
    from icesync.cli.posting import Comment, Where, post_comment

    wanted = Comment(flags.pop("body"), flags.pop("outdated"), flags.pop("only_changes"))
    return post_comment(common, wanted, Where(**flags))


@command.command(name="issue")
@common_options
@click.option("--body", type=click.Path(path_type=Path, allow_dash=True), metavar="FILE",
              help="The Markdown to post; - is stdin.")  # fmt: skip
@click.option("--title", default="icesync: something is to be sent", show_default=True,
              metavar="TEXT", help="The title of a new issue.")  # fmt: skip
@click.option("--close", is_flag=True, help="Close the issue, if there is an open one.")
@_place_options
@click.pass_obj
def issue(common: Common, /, **flags: Any) -> int:
    """
    Keep one issue about a scheduled check up to date.

    It is opened when there is none, edited while it is open, and closed by
    --close. Exits as `icesync ci comment` does.

    \b
    icesync check --report markdown=check.md || icesync ci issue --body check.md
    icesync ci issue --close
    """
    from icesync.cli.posting import Issue, Where, post_issue

    wanted = Issue(flags.pop("body"), flags.pop("title"), flags.pop("close"))
    return post_issue(common, wanted, Where(**flags))
