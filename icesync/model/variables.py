"""
Environment variables that are neither a flag's nor an option's: one row each.

Those of flags stand at the flag (``envvar=``), those of ``icesync.yaml`` at the row of
the option; ``icesync explain`` and the reference page show all three together.
"""

from __future__ import annotations

from typing import Final

VARIABLES: Final = {
    "ICESYNC_ALLOW_HOST": "Hosts that may receive credentials, separated by commas. Only the job "
    "can allow a host; a repository cannot.",
    "ICESYNC_ALLOW_EXEC": "Set to 1 to allow `ref+exec://` references.",
    "ICESYNC_EXEC_ENV": "Names of the variables that programs of `ref+exec://` get besides the "
    "common ones, divided by blanks or commas.",
    "ICESYNC_FINGERPRINT_KEY": "The fingerprint key, unless `fingerprints.key` names another.",
    "ICESYNC_STATE_ADDRESS, TF_HTTP_ADDRESS": "The address of the state that the job names. "
    "`TF_HTTP_USERNAME` and `TF_HTTP_PASSWORD` go to no other.",
    "ICESYNC_STATE_USERNAME, ICESYNC_STATE_PASSWORD": "The login at a state server.",
    "ICESYNC_GITHUB_TOKEN, GITHUB_TOKEN": "The token for comments and issues on GitHub.",
    "ICESYNC_GITLAB_TOKEN, GITLAB_TOKEN": "The token for comments and issues on GitLab, and for "
    "a state that GitLab keeps.",
    "ICESYNC_TRUSTED_CONFIG": "The same as `--trusted-config` of `icesync plan`: take "
    "safeguards from that file or git ref.",
    "NO_COLOR, FORCE_COLOR, CLICOLOR, CLICOLOR_FORCE": "Whether to use color, as everywhere.",
}
