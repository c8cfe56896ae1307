"""
The commands that create the secrets of a pipeline, each where only the jobs that need it see it.

On GitHub a secret of the repository is read by a workflow of any branch, one of an
environment only by what may deploy to it. On GitLab a protected variable is read on
protected branches only, and one with a scope by the jobs of that environment.

A value comes from standard input: an argument is seen by everybody on the machine, and
``gh secret set --env-file`` reads other quotes than a shell does. What asks for values is
the last line: one that is pasted behind it would be taken for an answer.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from icesync.frozen import frozen

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_KEY: Final = "ICESYNC_FINGERPRINT_KEY"
_ASSIGNED: Final = re.compile(r"^(ICE_[0-9]+_[0-9]+_[A-Z0-9]+_PASSWORD)=", re.MULTILINE)
_NAMES: Final = r"sed -n 's/^\(ICE_[0-9]*_[0-9]*_[A-Z0-9]*_PASSWORD\)=.*/\1/p'"
"""The variables of an import (``codec.secretfile.variable``); a file may hold others beside."""

_POLICY: Final = "deployment_branch_policy"
_GITLAB: Final = "glab variable set"
_UNSEEN: Final = "--protected --masked --raw"


@frozen
class CiSecrets:
    """
    What a pipeline needs: variables of the access to ICE, and of passwords.

    *key_file* and the files of *held*, each with the variables that it assigns, are as a
    shell takes them. *install* is what icesync is installed from where that must be said.
    *part* tells the pipeline from that of another configuration, which has another key.
    """

    access: tuple[str, ...]
    passwords: tuple[str, ...]
    key_file: str
    held: Mapping[str, tuple[str, ...]]
    install: str | None = None
    part: str = ""

    @property
    def asked(self) -> tuple[str, ...]:
        """The passwords that are in no file."""
        there = {name for names in self.held.values() for name in names}
        return tuple(name for name in self.passwords if name not in there)


def environments(part: str) -> tuple[str, str]:
    """Return the environments of GitHub for the jobs that plan, and for those that apply."""
    name = f"icesync-{part}" if part else "icesync"
    return f"{name}-plan", f"{name}-apply"


def key_variable(part: str) -> str:
    """Return the variable of GitLab for the fingerprint key: a project has one of each name."""
    return f"{_KEY}_{part.upper().replace('-', '_')}" if part else _KEY


def assigned_in(text: str, wanted: tuple[str, ...]) -> tuple[str, ...]:
    """Return which variables of *wanted* the file of passwords *text* has from an import."""
    there = set(_ASSIGNED.findall(text))
    return tuple(name for name in wanted if name in there)


def notes(forge: str, needed: CiSecrets) -> Iterator[str]:
    """Yield what there is to know about the commands."""
    if needed.install:
        yield "ICESYNC_INSTALL says where icesync comes from: put your address there."
    if forge == "github":
        yield "Create two environments with these secrets; only main may use them:"
        return
    yield "ICESYNC_PUSH_TOKEN commits the state: a project access token, scope write_repository."
    yield "ICESYNC_GITLAB_TOKEN writes comments: a project access token, role Reporter, scope api."
    yield "A value below 8 characters or with a space cannot be masked: set it without --masked."
    yield "Create these CI/CD variables; branches under review see only that of the comments:"


def commands(forge: str, needed: CiSecrets) -> Iterator[str]:
    """Yield the commands to type; those before the last one ask nothing."""
    return _for_github(needed) if forge == "github" else _for_gitlab(needed)


def _for_github(needed: CiSecrets) -> Iterator[str]:
    if needed.install:
        yield f"gh variable set ICESYNC_INSTALL --body {needed.install}"
    plan, apply = environments(needed.part)
    each = f"for e in {plan} {apply}; do"
    # An environment that is there stays as it is: a PUT would remove its reviewers.
    yield (
        f'{each} p="repos/{{owner}}/{{repo}}/environments/$e"; '
        'gh api --silent "$p" 2>/dev/null || { gh api --silent --method PUT "$p" '
        f"-F '{_POLICY}[protected_branches]=false' -F '{_POLICY}[custom_branch_policies]=true' "
        '&& gh api --silent "$p/deployment-branch-policies" -f name=main; }; done'
    )
    yield f"{each} gh secret set {_KEY} --env $e < {needed.key_file}; done"
    both = f'{each} printf %s "$v" | gh secret set $n --env $e; done'
    yield from (_from_file(name, both) for name in needed.held)
    asks = _asking(needed.asked, both)
    asks += [f"gh secret set {name} --env {apply}" for name in needed.access]
    if asks:
        yield f"({'; '.join(asks)})" if len(asks) > 1 else asks[0]


def _for_gitlab(needed: CiSecrets) -> Iterator[str]:
    if needed.install:
        yield f"{_GITLAB} ICESYNC_INSTALL {needed.install}"
    yield f"{_GITLAB} {key_variable(needed.part)} {_UNSEEN} < {needed.key_file}"
    everywhere = f'printf %s "$v" | {_GITLAB} $n {_UNSEEN}'
    yield from (_from_file(name, everywhere) for name in needed.held)
    scoped = f'printf %s "$v" | {_GITLAB} $n --scope icesync {_UNSEEN}'
    asks = _asking(needed.asked, everywhere)
    asks += _asking((*needed.access, "ICESYNC_PUSH_TOKEN"), scoped)
    asks += _asking(("ICESYNC_GITLAB_TOKEN",), f'printf %s "$v" | {_GITLAB} $n --masked --raw')
    yield f"({'; '.join(asks)})"


def _asking(names: tuple[str, ...], send: str) -> list[str]:
    """Return the loop that asks for each of *names* and sends it; none for no name."""
    ask = "printf '%s: ' $n; IFS= read -rs v; echo"
    return [f"for n in {' '.join(names)}; do {ask}; {send}; done"] if names else []


def _from_file(path: str, send: str) -> str:
    """Return the command that sends each variable of the file *path*, in a shell of its own."""
    return f"(set -a; . {path}; for n in $({_NAMES} {path}); do v=$(printenv $n); {send}; done)"
