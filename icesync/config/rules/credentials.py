"""
ICE401 to ICE413: secrets, logins and the token.

Where a rule looks at a secret's value, it tells lengths and kinds, never the
value. Most rules here are enforced where secrets and tokens are read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from icesync.config.rules.base import Violation, declare, on_login
from icesync.config.rules.hosts import domain_of, is_placeholder
from icesync.diagnostics import Rule, Severity
from icesync.model.presets import PRESETS, preset_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from icesync.config.rules.base import Login

_ONE_USER: Final = frozenset(name for name, preset in PRESETS.items() if preset.user)
_ONE_USER_HOSTS: Final = frozenset(
    offer.host for name in _ONE_USER for offer in PRESETS[name].offers.values()
)
"""Providers with one user name for everybody, and their hosts."""

declare(
    Rule(
        "ICE401",
        "a literal secret",
        what="A password, a token or a key is written out instead of being referred to.",
        why="A repository keeps it for ever, for everybody who can read it.",
        before="smtp: {password: hunter2}\n",
        after="smtp: {password: ref+env://ICE_SMTP}\n",
        suppressible=False,
    )
)
declare(
    Rule(
        "ICE402",
        "a token of another organization",
        Severity.WARNING,
        what="The token names another organization than one that the plan writes to.",
        why="ICE may refuse the calls. In the vendor's own sample the two differ, so they may "
        "be fine.",
        source="doc:sample",
        offline=False,
    )
)
declare(
    Rule(
        "ICE403",
        "a token that ends too early",
        what="The token has ended, or would end before the run does.",
        why="ICE answers a dead token in the same words as a bad field, so the run would stop in "
        "the middle and say nothing useful.",
        source="doc:sample: `exp`",
        suppressible=False,
        offline=False,
    )
)
declare(
    Rule(
        "ICE404",
        "not a token",
        what="What `api.token` leads to is no JSON Web Token: three parts with dots.",
        why="Often a password or a whole line of a header was stored instead.",
        source="RFC 7519",
        suppressible=False,
        offline=False,
    )
)
declare(
    Rule(
        "ICE405",
        "a secret with odd characters",
        Severity.WARNING,
        what="A secret starts or ends with a blank, holds a line break or a byte order mark, or "
        "characters outside of ASCII. Seen when secrets are, by `plan` and `apply`.",
        why="Mounted files and pasted values bring them along; they are sent as they are, and "
        "many mail servers refuse them.",
        source="RFC 4616: SASL PLAIN is UTF-8, but LOGIN has no charset",
        offline=False,
    )
)
declare(
    Rule(
        "ICE408",
        "one password at several servers",
        Severity.INFO,
        what="Several references lead to the same password. Seen by `plan -v`, when secrets are.",
        why="A rotation must hit all of them.",
        source="icesync",
        offline=False,
    )
)
declare(
    Rule(
        "ICE409",
        "an unknown secret provider",
        what="The scheme of a reference is none that icesync knows.",
        why="Nothing could be looked up.",
        before="smtp: {password: ref+enf://ICE_SMTP}\n",
        after="smtp: {password: ref+env://ICE_SMTP}\n",
        suppressible=False,
    )
)
declare(
    Rule(
        "ICE410",
        "a secret reference that cannot be read",
        what="A text starts with `ref+` and is no reference.",
        why="It would be taken for a password.",
        before="smtp: {password: ref+env:ICE_SMTP}\n",
        after="smtp: {password: ref+env://ICE_SMTP}\n",
        suppressible=False,
    )
)
declare(
    Rule(
        "ICE411",
        "a reference to icesync's own credentials",
        what="A password is the token, the login or the fingerprint key of icesync.yaml, or a "
        "credential of the job (`GITHUB_TOKEN`, `VAULT_TOKEN`): by its reference, however that is "
        "spelled, or by its value, which `plan` and `apply` see.",
        why="It would be sent to a mail server of the author's choice.",
        suppressible=False,
    )
)
declare(
    Rule(
        "ICE412",
        "a secret reference that leads to no usable value",
        what="The variable or file behind a reference is not there or empty, or its store did not "
        "give it.",
        why="An empty password would overwrite a good one.",
        suppressible=False,
        offline=False,
    )
)
declare(
    Rule(
        "ICE413",
        "a secret reference that is not permitted",
        what="A reference names a variable or file that `secrets:` does not open, a place that is "
        "never opened (`.git`, `.ssh`, `/proc`, the tokens of a pod), or runs a program although "
        "the job does not allow it.",
        why="Whoever may edit a server file must not choose which credential of the job is sent "
        "to a mail server.",
        before="smtp: {password: ref+env://GITHUB_TOKEN}\n",
        after="smtp: {password: ref+env://ICE_SMTP}\n",
        suppressible=False,
    )
)


@on_login(
    Rule(
        "ICE406",
        "a login of another domain than the mailbox",
        Severity.WARNING,
        what="`username` and `mailbox` of a block in use are both addresses, of different domains.",
        why="Shared mailboxes make it legal, copy and paste makes it common.",
        before="imap: {username: desk@example.net, mailbox: desk@example.org}\n",
        after="imap: {username: desk@example.org, mailbox: desk@example.org}\n",
        source="assumed",
    )
)
def other_domain(login: Login) -> Iterator[Violation]:
    """Find a user name and a mailbox of different domains."""
    block, _, username, mailbox, in_use, _ = login
    if not in_use or username is None or mailbox is None:
        return
    if "@" not in username or "@" not in mailbox or is_placeholder(username):
        return
    own, other = domain_of(mailbox), domain_of(username)
    if own != other:
        message = f"`{block}.username` is of {other}, `{block}.mailbox` of {own}"
        yield Violation(f"{block}.username", message, "one of the two may be copied")


@on_login(
    Rule(
        "ICE407",
        "a login that does not fit the provider",
        Severity.WARNING,
        what="The provider wants a user name or a password of a certain form: SendGrid the user "
        "`apikey`, Postmark the token as both, Gmail 16 letters, iCloud four groups of four. "
        "Passwords are seen by `plan` and `apply`.",
        why="The usual cause of a refused login is the account's own password where an app "
        "password is needed.",
        before="smtp: {preset: sendgrid, host: smtp.sendgrid.net, username: desk@example.org}\n",
        after="smtp: {preset: sendgrid, host: smtp.sendgrid.net, username: apikey}\n",
        source="support.google.com/accounts/answer/185833, support.apple.com/102654, "
        "docs.sendgrid.com, postmarkapp.com/developer",
        offline=False,
    )
)
def one_user_name(login: Login) -> Iterator[Violation]:
    """Find another user name than the one that the provider takes."""
    if login.preset not in _ONE_USER and login.host not in _ONE_USER_HOSTS:
        return
    username, preset = login.username, preset_of(login.block, login.host, login.preset)
    if preset is None or username is None or not login.in_use or is_placeholder(username):
        return
    if username != preset.user:
        message = f"`{login.block}.username`: {preset.name} takes the word {preset.user} only"
        yield Violation(f"{login.block}.username", message, f"login: {preset.login}")
