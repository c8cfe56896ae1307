"""
The texts that ``icesync init`` writes; ``@{NAME}`` is filled in.

All YAML here is in the style of ``icesync fmt``. The workflows call only what a
shell user would type, so that they can be tried by hand, line by line.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "CONFIG",
    "EXTENSIONS",
    "GITHUB",
    "GITIGNORE",
    "GITLAB",
    "IGNORE_ALL",
    "PRETTIERIGNORE",
    "PRE_COMMIT",
    "SERVERS",
    "SETTINGS",
    "fill",
]  # fmt: skip


_PLACE: Final = re.compile(r"@\{(\w+)\}")


def fill(template: str, values: Mapping[str, object]) -> str:
    """Return *template* with *values* in; a workflow's own ``$`` and braces stay."""
    return _PLACE.sub(lambda match: str(values[match[1]]), template)


CONFIG: Final = """\
@{modeline}version: 1
api:
  base_url: @{base_url}
@{access}
files: ["servers/**/*.yaml"]
state: {backend: local, path: icesync.state.json}
limits: {updates: 30%, disables: 1, adds: 20}
guards: [tls-off, spoofing-on, disabled, host-change]
"""

SERVERS: Final = """\
@{modeline}version: 1
organization: @{organization}
defaults:
  status: Enabled
  active: true
  incoming: imap
  ssl: false
  tls: true
servers:
  - skill: @{skill}
    name: First skill
    smtp:
      host: smtp.example.org
      port: 587
      username: support@example.org
      password: ref+env://@{smtp}
      mailbox: support@example.org
      poll_rate: 10
    imap:
      host: imap.example.org
      port: 993
      username: support@example.org
      password: ref+env://@{imap}
      mailbox: support@example.org
      poll_rate: 10
"""

GITIGNORE: Final = """\
.icesync/
*.state.json.lock
*.state.json.backup
*.state.json.journal
*.state.json.tmp-*
errored.icesync.json
plan.json
"""

IGNORE_ALL: Final = "*\n"

SETTINGS: Final = """\
{
  "yaml.schemas": {
    "./schemas/icesync.schema.json": ["icesync.yaml"],
    "./schemas/defaults.schema.json": ["_defaults.yaml"],
    "./schemas/email-servers.schema.json": ["servers/**/*.yaml", "!**/_defaults.yaml"]
  },
  "yaml.format.enable": false
}
"""

EXTENSIONS: Final = """\
{
  "recommendations": ["redhat.vscode-yaml"]
}
"""

PRETTIERIGNORE: Final = """\
# icesync fmt formats these
@{inside}icesync.yaml
@{inside}servers/
"""

PRE_COMMIT: Final = """\
repos:
  - repo: local
    hooks:
      - id: icesync-fmt
        name: icesync fmt
        entry: icesync@{chdir} fmt
        language: system
        files: \\.ya?ml$
        pass_filenames: false
      - id: icesync-validate
        name: icesync validate
        entry: icesync@{chdir} validate
        language: system
        files: \\.ya?ml$
        pass_filenames: false
"""

GITHUB: Final = """\
# Plan on pull requests, apply after merge, check on working days.
name: icesync
on:
  pull_request:
  push:
    branches: [main, master]
  schedule:
    - cron: "17 5 * * 1-5"
permissions:
  contents: read
env:
  # What is installed: a git URL with a commit, the URL of a wheel, or icesync==VERSION.
  ICESYNC_INSTALL: ${{ vars.ICESYNC_INSTALL }}
concurrency:
  group: icesync-${{ github.ref }}
@{defaults}jobs:
  plan:
    if: github.event_name == 'pull_request'
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@3d3c42e5aac5ba805825da76410c181273ba90b1 # v7.0.1
        with: {fetch-depth: 2, persist-credentials: false}  # the merge and the base branch
      - uses: actions/setup-python@5fda3b95a4ea91299a34e894583c3862153e4b97 # v7.0.0
        with: {python-version: "3.13"}
      - run: python -I -m pip install "${ICESYNC_INSTALL:?set this variable of the repository}"
      - run: icesync fmt --check --diff
      - run: icesync validate
      - env:
          ICESYNC_TRUSTED_CONFIG: HEAD^1  # guards and limits are those of the base branch
        run: icesync plan
  apply:
    if: github.event_name != 'pull_request'
    runs-on: ubuntu-latest
    permissions:
      contents: write  # for the state
    env:
      ICESYNC_FINGERPRINT_KEY: ${{ secrets.ICESYNC_FINGERPRINT_KEY }}
      # One line for each ref+env:// of icesync.yaml and the server files.
@{variables}
    steps:
      - uses: actions/checkout@3d3c42e5aac5ba805825da76410c181273ba90b1 # v7.0.1
      - uses: actions/setup-python@5fda3b95a4ea91299a34e894583c3862153e4b97 # v7.0.0
        with: {python-version: "3.13"}
      - run: python -I -m pip install "${ICESYNC_INSTALL:?set this variable of the repository}"
      - if: github.event_name == 'schedule'
        run: icesync check  # exits 2 when something is open
      - if: github.event_name == 'push'
        run: |  # should this machine vanish, the state says what it was about to send
          git config user.name icesync
          git config user.email icesync@users.noreply.github.com
          icesync state begin
          if [ -f icesync.state.json ]; then git add icesync.state.json; fi
          git diff --cached --quiet || git commit --message "icesync: about to apply [skip ci]"
          git pull --quiet --rebase
          git push
      - if: github.event_name == 'push'
        run: icesync apply --auto-approve
      - if: always() && github.event_name == 'push'
        run: |
          git config user.name icesync
          git config user.email icesync@users.noreply.github.com
          git add icesync.state.json
          git diff --cached --quiet || git commit --message "icesync state [skip ci]"
          git pull --quiet --rebase
          git push
"""

GITLAB: Final = """\
# Plan on merge requests, apply after merge, check in scheduled pipelines.
default:
  image: python:3.13
  before_script:
@{enter}    - python -I -m pip install --quiet "${ICESYNC_INSTALL:?set this CI/CD variable}"

icesync-plan:
  rules:
    - if: $CI_PIPELINE_SOURCE == "merge_request_event"
  script:
    - icesync fmt --check --diff
    - icesync validate
    # Guards and limits are those of the target branch.
    - git fetch --quiet --depth 1 origin "$CI_MERGE_REQUEST_TARGET_BRANCH_NAME"
    - export ICESYNC_TRUSTED_CONFIG=FETCH_HEAD
    - icesync plan

# Variables to set: ICESYNC_INSTALL (a git URL with a commit, the URL of a wheel, or
# icesync==VERSION); masked and protected: ICESYNC_FINGERPRINT_KEY, one for each
# ref+env:// of icesync.yaml and the server files (@{names}),
# and ICESYNC_PUSH_TOKEN, a project access token that may write the repository.
icesync-apply:
  rules:
    - if: $CI_PIPELINE_SOURCE == "push" && $CI_COMMIT_BRANCH == $CI_DEFAULT_BRANCH
  resource_group: icesync
  script:
    - icesync apply --auto-approve
  after_script:
@{enter}    - git config user.name icesync
    - git config user.email icesync@noreply.$CI_SERVER_HOST
    - git add icesync.state.json
    - git diff --cached --quiet || git commit --message "icesync state"
    - git pull --quiet --rebase origin "$CI_COMMIT_BRANCH"
    - export REMOTE="https://icesync:$ICESYNC_PUSH_TOKEN@$CI_SERVER_HOST/$CI_PROJECT_PATH.git"
    - git push --push-option ci.skip "$REMOTE" "HEAD:$CI_COMMIT_BRANCH"

icesync-check:
  rules:
    - if: $CI_PIPELINE_SOURCE == "schedule"
  script:
    - icesync check
"""
