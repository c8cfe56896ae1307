"""
Everything that can stop icesync, and the exit code of each.

::

    IcesyncError
    ├── ConfigError        3   the files are wrong
    │   ├── ConfigMalformed    they cannot be read
    │   ├── ConfigInvalid      they can be read, and break a rule
    │   └── SecretMissing      a reference leads nowhere
    │       ├── SecretForbidden    it may not be followed
    │       ├── SecretIsDocument   it leads to many secrets at once
    │       ├── SecretStoreRefused      4   its store does not allow it
    │       │   └── SecretStoreClosed       there is nobody to ask it as
    │       └── SecretStoreUnreachable 10   its store did not answer
    ├── AccessError        4   nobody to act as
    │   ├── TokenExpired
    │   └── LoginRefused
    ├── StateLocked        5   another run holds the lock
    ├── StaleError         6   the world moved since the plan
    │   ├── PlanStale
    │   └── StateConflict
    ├── ApplyIncomplete    7   some writes done, some failed or uncertain
    ├── StateError         8   the snapshot cannot be read or kept
    │   ├── StateCorrupt
    │   ├── StateMissing
    │   ├── StateTooNew
    │   └── StateNotSaved
    ├── PolicyRefused      9   a limit, a guard, or nobody said yes
    ├── RemoteError       10   ICE was not reached, or said no at once; nothing was written
    │   ├── Unreachable
    │   └── Refused
    ├── ProbeFailed       11   a mail server said no
    ├── ForgeError        12   GitHub or GitLab did not take what was to be posted
    │   ├── ForgeReadOnly      the token may only read
    │   ├── ForgeRefused       it said no, and would say so again
    │   │   └── ForgeMissing       what was asked for is not there
    │   ├── ForgeUnreachable   no usable answer came in time
    │   └── TextTooLong        the text is longer than it keeps
    ├── UsageError        64   the command line
    ├── FileUnreadable    66   a file that it names
    ├── FileUnwritable    73
    └── Interrupted      130   a signal, after a clean save

The numbers stand here and nowhere else. Findings in the user's files are data
(:mod:`icesync.diagnostics`); an exception means that icesync cannot go on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence


EXIT_OK: Final = 0
EXIT_UNEXPECTED: Final = 1
EXIT_CHANGES: Final = 2

_EXITS: Final = (
    (0, "done", "success; for `plan`, also if there are changes"),
    (1, "", "internal error, or an output or report could not be written"),
    (2, "changes (--detailed-exitcode, check)",
     "something needs attention; only with `--detailed-exitcode` and for `check`"),
    (3, "configuration", "the configuration or a secret reference is invalid"),
    (4, "token", "no valid token or permission"),
    (5, "locked", "another run holds the lock"),
    (6, "plan out of date", "the plan is out of date, incomplete or edited"),
    (7, "incomplete", "apply incomplete: some calls failed or their outcome is unknown"),
    (8, "state", "the state cannot be read, or was not saved"),
    (9, "refused", "blocked by a limit, a guard or a missing approval"),
    (10, "unreachable", "ICE is unreachable or rejected the first call; nothing was written"),
    (11, "probe failed", "a mail server rejected a login"),
    (12, "not posted", "GitHub or GitLab is unreachable or rejected the post"),
    (64, "usage", "usage error"),
    (66, "unreadable file", "a file named on the command line cannot be read"),
    (73, "unwritable file", "a file named on the command line cannot be written"),
    (129, "", "ended by SIGHUP; what ICE confirmed is saved"),
    (130, "", "interrupted by Ctrl-C; what ICE confirmed is saved"),
    (143, "", "ended by SIGTERM; what ICE confirmed is saved"),
)  # fmt: skip

EXIT_CODES: Final = {code: meaning for code, _, meaning in _EXITS}
"""Every exit code and its meaning, for the README."""

EXIT_WORDS: Final = {code: word for code, word, _ in _EXITS if word}
"""Those that a job may act on, in a word or two, for ``--help``."""


def printable(value: object) -> str:
    """Return *value* as a message may quote it: ASCII, with escapes for everything else."""
    return ascii(str(value))[1:-1]


def counted(number: int, noun: str) -> str:
    """Return *number* and *noun*, in the plural unless there is one."""
    return f"1 {noun}" if number == 1 else f"{number:,} {noun}s"


def listed(names: Sequence[str], most: int = 2) -> str:
    """Return the first of *names* and how many more there are: ``A, B and 58 more``."""
    if len(names) <= most + 1:
        *rest, last = names or [""]
        return f"{', '.join(rest)} and {last}" if rest else last
    return f"{', '.join(names[:most])} and {len(names) - most:,} more"


def either(names: Sequence[str]) -> str:
    """Return *names* to choose from: ``A, B or C``."""
    return listed(names, len(names)).replace(f" and {names[-1]}", f" or {names[-1]}")


class IcesyncError(Exception):
    """Base of all expected failures; *hints* are commands or sentences that show the way out."""

    exit_code: int = EXIT_UNEXPECTED

    def __init__(self, message: str, *hints: str) -> None:
        super().__init__(message)
        self.message = message
        self.hints = hints
        self.report: object = None
        """How far an apply got (:class:`icesync.Report`), where one had begun."""
        self.document: bytes | None = None
        """A state that could not be stored, without secrets, where there is such a thing."""

    def add(self, second: IcesyncError) -> None:
        """Take in what failed afterwards: the first cause stays first, and keeps the exit code."""
        self.message = f"{self.message}; then {second.message}"
        # Whoever lost the lock is not helped by a command that breaks it.
        self.hints = self.hints if isinstance(self, StateLocked) else (*self.hints, *second.hints)


class ConfigError(IcesyncError):
    """The files are wrong; *diagnostics* says where, sorted by place."""

    exit_code = 3

    def __init__(self, message: str, *hints: str, diagnostics: Sequence[object] = ()) -> None:
        super().__init__(message, *hints)
        self.diagnostics = tuple(diagnostics)


class ConfigMalformed(ConfigError):
    """A file cannot be found or read at all."""


class ConfigInvalid(ConfigError):
    """The files can be read, and break a rule."""


class SecretMissing(ConfigError):
    """
    A secret reference does not lead to a usable value.

    *failed* says that a store was asked and failed; otherwise the secret is not there,
    as in the run of a fork, which has none.
    """

    failed = False


class SecretForbidden(SecretMissing):
    """A secret reference names what the configuration, or icesync itself, does not open."""


class SecretIsDocument(SecretMissing):
    """A secret reference leads to many secrets at once, as one without a key can."""


class SecretStoreRefused(SecretMissing):
    """A secret store does not accept who asks, or does not allow it."""

    exit_code = 4
    failed = True


class SecretStoreClosed(SecretStoreRefused):
    """There are no credentials to ask a secret store with."""

    failed = False


class SecretStoreUnreachable(SecretMissing):
    """A secret store did not answer, however often it was asked."""

    exit_code = 10
    failed = True


class AccessError(IcesyncError):
    """There is nobody to act as, or ICE does not accept who we are."""

    exit_code = 4


class TokenExpired(AccessError):
    """The token has ended, or ends before the run would."""


class LoginRefused(AccessError):
    """ICE did not accept the login or the token."""


class StateLocked(IcesyncError):
    """Another run holds the lock of the snapshot."""

    exit_code = 5


class StaleError(IcesyncError):
    """The world moved since the plan was made."""

    exit_code = 6


class PlanStale(StaleError):
    """A saved plan no longer fits the files, the secrets or the snapshot."""


class StateConflict(StaleError):
    """Somebody else wrote the snapshot meanwhile."""


class ApplyIncomplete(IcesyncError):
    """Some writes were done, some failed or are uncertain."""

    exit_code = 7


class StateError(IcesyncError):
    """The snapshot cannot be read or kept."""

    exit_code = 8


class StateCorrupt(StateError):
    """The snapshot is damaged, edited by hand, or not a snapshot of this target."""


class StateMissing(StateError):
    """Nothing is stored where the state should be, and nobody said that it is a new one."""

    @classmethod
    def at(cls, place: str, setting: str) -> StateMissing:
        """Return that there is none at *place* of a remote store, which *setting* names."""
        return cls(
            f"there is no state at {place}",
            f"correct `{setting}`, if the state is somewhere else",
            "run `icesync state init` to start a new state there",
        )


class StateTooNew(StateError):
    """The snapshot was written by a newer icesync."""


class StateNotSaved(StateError):
    """The store refused the state."""


class PolicyRefused(IcesyncError):
    """A limit, a guard or a missing approval; the hints say how to allow it."""

    exit_code = 9


class RemoteError(IcesyncError):
    """ICE could not be reached, or said no to the first call; nothing was written."""

    exit_code = 10


class Unreachable(RemoteError):
    """No connection to ICE could be made."""


class Refused(RemoteError):
    """ICE refused the first call in a way that every other call would meet too."""


class ProbeFailed(IcesyncError):
    """A mail server said no to what the files want."""

    exit_code = 11


class ForgeError(IcesyncError):
    """GitHub or GitLab did not take what was to be posted; the work itself is not concerned."""

    exit_code = 12


class ForgeReadOnly(ForgeError):
    """The token may only read, as that of a pull request from a fork."""


class ForgeRefused(ForgeError):
    """The forge said no, and would say no again."""


class ForgeMissing(ForgeRefused):
    """What was asked for is not there, or the token may not see it."""


class ForgeUnreachable(ForgeError):
    """No usable answer came; *wait_s* is how long the forge asks to wait, where it does."""

    def __init__(self, message: str, *hints: str, wait_s: float | None = None) -> None:
        super().__init__(message, *hints)
        self.wait_s = wait_s


class TextTooLong(ForgeError):
    """The text is longer than the forge keeps."""


class UsageError(IcesyncError):
    """The command line asks for something that cannot be."""

    exit_code = 64


class FileUnreadable(IcesyncError):
    """A file that the command line names cannot be read."""

    exit_code = 66


class FileUnwritable(IcesyncError):
    """A file that the command line names cannot be written."""

    exit_code = 73


class Interrupted(IcesyncError):
    """A signal ended the run after a clean save; *exit_code* is 128 + the signal's number."""

    def __init__(self, message: str, *hints: str, signal_number: int = 2) -> None:
        super().__init__(message, *hints)
        self.exit_code = 128 + signal_number
