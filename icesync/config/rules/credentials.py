"""
ICE401 to ICE413: secrets, logins and the token.

Where a rule looks at a secret's value, it tells lengths and kinds, never the
value. Most rules here are enforced where secrets and tokens are read.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from icesync.config.rules import Violation, declare, on_account, on_login, on_user
from icesync.config.rules.hosts import domain_of, is_placeholder, related
from icesync.diagnostics import Rule, Severity
from icesync.model.presets import find_offer, preset_of, providers_of
from icesync.regex import regex

if TYPE_CHECKING:
    from icesync.config.rules import Account, Login, UserName
    from icesync.model.presets import Preset


declare(
    Rule(
        "ICE401",
        "a plaintext secret",
        what="A password, a token or a key is in the file itself instead of a reference.",
        why="The repository keeps it forever, for everyone who can read it.",
        before="smtp: {password: hunter2}\n",
        after="smtp: {password: ref+env://ICE_SMTP}\n",
        suppressible=False,
    )
)
declare(
    Rule(
        "ICE402",
        "a token for another organization",
        Severity.WARNING,
        what="The plan writes to an organization that the token does not name.",
        why="ICE may reject the calls. They may also work: in the vendor's own sample the "
        "two differ.",
        source="doc:sample",
        offline=False,
    )
)
declare(
    Rule(
        "ICE403",
        "a token that expires too early",
        what="The token has expired, or would expire before the run ends.",
        why="ICE answers an expired token with the same message as an invalid value, so "
        "the run would stop halfway without a clear reason.",
        source="doc:sample: `exp`",
        suppressible=False,
        offline=False,
    )
)
declare(
    Rule(
        "ICE404",
        "not a token",
        what="The value of `api.token` is not a JWT (three parts separated by dots).",
        why="Often a password or a complete header line was stored instead.",
        source="RFC 7519",
        suppressible=False,
        offline=False,
    )
)
declare(
    Rule(
        "ICE405",
        "a secret with unusual characters",
        Severity.WARNING,
        what="A secret starts or ends with a space, or contains a line break, a byte "
        "order mark or non-ASCII characters. Checked by `plan` and `apply`, when "
        "secrets are available.",
        why="Mounted files and pasted values often contain them. They are sent unchanged, "
        "and many mail servers reject them.",
        source="RFC 4616: SASL PLAIN is UTF-8, but LOGIN has no charset",
        offline=False,
    )
)
declare(
    Rule(
        "ICE408",
        "one password for several servers",
        Severity.INFO,
        what="Several references have the same password as value. Checked by `plan -v`, "
        "when secrets are available.",
        why="A rotation must change all of them.",
        source="icesync",
        offline=False,
    )
)
declare(
    Rule(
        "ICE409",
        "an unknown secret provider",
        what="The scheme of a reference is unknown.",
        why="The secret could not be looked up.",
        before="smtp: {password: ref+enf://ICE_SMTP}\n",
        after="smtp: {password: ref+env://ICE_SMTP}\n",
        suppressible=False,
    )
)
declare(
    Rule(
        "ICE410",
        "an invalid secret reference",
        what="A value starts with `ref+`, but is not a valid reference, or does not name the "
        "key in a file that sops encrypted.",
        why="It would be sent as the password, or the whole file would.",
        before="smtp: {password: ref+env:ICE_SMTP}\n",
        after="smtp: {password: ref+env://ICE_SMTP}\n",
        suppressible=False,
    )
)
declare(
    Rule(
        "ICE411",
        "a reference to icesync's own credentials",
        what="A password refers to the token, the login or the fingerprint key of "
        "icesync.yaml, to the document that contains it, or to a credential of the job "
        "(`GITHUB_TOKEN`, `VAULT_TOKEN`), or its value is or contains one. `plan` and "
        "`apply` compare the values.",
        why="The credential would be sent to a mail server that the file's author chose.",
        suppressible=False,
    )
)
declare(
    Rule(
        "ICE412",
        "a secret that is missing or unusable",
        what="The variable or file of a reference is missing or empty, its store did not "
        "return it, or its value is a document (several lines, JSON) instead of one secret.",
        why="An empty password would overwrite a working one, and a document holds the "
        "passwords of others, too.",
        suppressible=False,
        offline=False,
    )
)
declare(
    Rule(
        "ICE413",
        "a secret reference that is not allowed",
        what="A reference names a variable or file that `secrets:` does not allow, a "
        "place that is never read (`.git`, `.ssh`, `/proc`, the tokens of a pod), or "
        "a program although the job does not allow programs.",
        why="A person who may edit a server file must not be able to send a credential of "
        "the job to a mail server.",
        before="smtp: {password: ref+env://GITHUB_TOKEN}\n",
        after="smtp: {password: ref+env://ICE_SMTP}\n",
        suppressible=False,
    )
)


@on_login(
    Rule(
        "ICE406",
        "the login and the mailbox have different domains",
        Severity.WARNING,
        what="`username` and `mailbox` of a block in use are addresses of unrelated domains. "
        "Shared mailboxes (`svc@contoso.com\\billing`), tenants (`onmicrosoft.com`), logins of "
        "relays and the account of a custom domain are fine.",
        why="Often a copy-and-paste mistake: the login opens another mailbox, or none.",
        before="imap: {username: desk@example.net, mailbox: desk@example.org}\n",
        after="imap: {username: desk@example.org, mailbox: desk@example.org}\n",
        source="assumed",
    )
)
def other_domain(login: Login) -> Violation | None:
    """Find a user name that is an address of another domain than the mailbox."""
    block, host, username, mailbox, preset = login
    if "@" not in mailbox:
        return None
    # Exchange, Courier and Dovecot take svc@contoso.com\billing, /billing, *master: a shared
    # mailbox, or somebody who logs in for another. The domain ends where a domain can.
    others = [domain_of(f"@{domain}") for domain in _DOMAIN.findall(username)]
    if not others or ".." in username or is_placeholder(username):
        return None
    own = domain_of(mailbox)
    if any(related(other, own) for other in others):
        return None
    provider = preset_of(block, host, preset)
    if any(_belongs(other, own, host or "", provider) for other in others):
        return None
    message = f"`{block}.username` is of {others[0]}, `{block}.mailbox` of {own}"
    return Violation(f"{block}.username", message, "check both; one may have been copied")


_DOMAIN: Final = regex(r"@([^\s@\\/*%:,;<>\"]+)")


def _belongs(login: str, own: str, host: str, provider: Preset | None) -> bool:
    """Return whether an address of *login* may open a mailbox of *own*, an unrelated domain."""
    if {login, own} & _TENANTS or login.endswith(_TENANT_ENDINGS):
        return True
    if own.endswith(_TENANT_ENDINGS) or (provider is not None and provider.relay):
        return True
    # The login of a relay or a hoster is often an address of its own: user@mailhost.example.
    if "." in login and host.lower().endswith(f".{'.'.join(login.split('.')[-2:])}"):
        return True
    # Own domains at iCloud, Fastmail or Gmail are opened by the account's address.
    owners = {preset.name for preset in providers_of(login)}
    if provider is not None and provider.name in owners:
        return True
    return bool(owners & {preset.name for preset in providers_of(own)})


_TENANTS: Final = frozenset({"onmicrosoft.com"})
_TENANT_ENDINGS: Final = (".onmicrosoft.com", ".onmicrosoft.de", ".onmicrosoft.us", ".awsapps.com")
"""What a cloud calls a tenant, whatever domains its mailboxes have."""


@on_account(
    Rule(
        "ICE407",
        "a login that the provider does not accept",
        Severity.WARNING,
        what="The provider needs a user name or a password of a certain form: SendGrid "
        "the user `apikey`, Postmark the token as both, Gmail 16 letters, iCloud "
        "four groups of four. Passwords are checked by `plan` and `apply`.",
        why="The usual cause of a rejected login: the account's own password instead of "
        "an app password.",
        before="smtp: {preset: sendgrid, host: smtp.sendgrid.net, username: desk@example.org}\n",
        after="smtp: {preset: sendgrid, host: smtp.sendgrid.net, username: apikey}\n",
        source="support.google.com/accounts/answer/185833, support.apple.com/102654, "
        "docs.sendgrid.com, postmarkapp.com/developer",
        offline=False,
    )
)
def one_user_name(account: Account) -> Violation | None:
    """Find a user name that the provider does not take."""
    block, host, username, _, name = account
    preset = preset_of(block, host, name)
    if preset is None or username is None or not (preset.user or preset.user_form):
        return None
    if is_placeholder(username):
        return None
    key, form = f"{block}.username", preset.user_form
    if preset.user and username != preset.user:
        message = f"`{key}`: {preset.title} accepts only the user name {preset.user}"
        return Violation(key, message, f"login: {preset.login}")
    if form is not None and re.fullmatch(form.pattern, username) is None:
        message = f"`{key}`: {preset.title} needs {form.words}"
        return Violation(key, message, f"login: {preset.login}")
    return None


@on_user(
    Rule(
        "ICE414",
        "a mistyped user name",
        Severity.WARNING,
        what="A user name contains a space, two backslashes in a row, `mailto:`, a "
        "display name, or a slash between a Windows domain and a name.",
        why="It is sent unchanged, and mail servers do not know such a user. In YAML, "
        "write one backslash; only inside double quotes write two.",
        before="smtp: {username: 'Desk <desk@example.org>'}\n",
        after="smtp: {username: desk@example.org}\n",
        source="RFC 5322, section 3.4; yaml.org/spec/1.2.2, section 5.7",
    )
)
def user_name_slip(user: UserName) -> Violation | None:
    """Find what copying leaves in a user name."""
    username = user.text
    if _PLAIN_USER.fullmatch(username) or is_placeholder(username):
        return None
    for pattern, what, hint in _USER_SLIPS:
        if re.search(pattern, username):
            key = f"{user.block}.username"
            return Violation(key, f"`{key}` {what}", hint)
    return None


_PLAIN_USER: Final = regex(r"[A-Za-z0-9._%+@=~-]+")
_USER_SLIPS: Final = (
    (r"(?i)^\s*mailto:", "starts with mailto:", "use the address only"),
    (r"<.*@.*>\s*$", "is an address with a display name", "use the address only"),
    (r"^\s|\s$", "starts or ends with a space", "remove the space"),
    (r"\\\\", "has two backslashes in a row", "use one: CONTOSO\\desk without quotes"),
    (r"\s", "contains a space", "correct it; if the mail server accepts it, suppress this finding"),
    (r"[,;]$", "ends with a comma or a semicolon", "remove it"),
    (
        r"^[A-Za-z0-9.-]+/[A-Za-z0-9._-]+$",
        "has a slash where Windows writes a backslash",
        "use CONTOSO\\desk, or the user principal name",
    ),
)


@on_account(
    Rule(
        "ICE415",
        "the mailbox and the host belong to different providers",
        Severity.WARNING,
        what="An address of a known mail provider is collected from another provider's host.",
        why="The mailbox does not exist there; one of the two was probably copied.",
        before="imap: {host: imap.gmx.net, username: desk@gmail.com, mailbox: desk@gmail.com}\n"
        "smtp: {username: desk@gmail.com, mailbox: desk@gmail.com}\n",
        after="imap: {host: imap.gmail.com, username: desk@gmail.com, mailbox: desk@gmail.com}\n"
        "smtp: {username: desk@gmail.com, mailbox: desk@gmail.com}\n",
        source="the addresses and hosts of the providers known",
    )
)
def foreign_mailbox(account: Account) -> Violation | None:
    """Find a mailbox that lives elsewhere."""
    block, host, _, mailbox, _ = account
    if block == "smtp" or mailbox is None or host is None or "@" not in mailbox:
        return None
    owners = providers_of(domain_of(mailbox))
    found = find_offer(block, host.lower().rstrip(".")) if owners else None
    if found is None or found[1] is None:
        return None
    names = {owner.name.partition("/")[0] for owner in owners}
    hosts = {h for owner in owners for o in owner.offers.values() for h in (o.host, *o.also)}
    if found[0].name.partition("/")[0] not in names and host.lower() not in hosts:
        message = f"`{block}.mailbox` {mailbox} is of {owners[0].title}, `{block}.host` is not"
        offer = owners[0].offers.get(block)
        return Violation(f"{block}.host", message, f"it offers {offer.host}" if offer else None)
    return None
