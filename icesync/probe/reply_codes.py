"""
What a server means by refusing a login: one table, read from top to bottom.

A refusal has up to four signs: the reply code of SMTP, an enhanced code (RFC 3463),
a response code in brackets (IMAP: RFC 5530; POP3: RFC 2449, RFC 3206) and words.
The words decide first. Servers use the codes loosely (Microsoft's 5.7.139 stands
for a wrong password, a switch and a policy), and words are what the administrator
of that server would go by. What no row knows is a wrong password: that is what a
refusal means when it says nothing else.
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Final

from icesync.frozen import NamedTuple
from icesync.model.probe import ProbeKind
from icesync.probe.connection import ProbeAborted


class Meaning(StrEnum):
    """What a refusal says about the login."""

    WRONG = "wrong"
    OFF = "off"
    LOCKED = "locked"
    BUSY = "busy"
    IN_USE = "in use"
    BLOCKED = "blocked"
    MECHANISM = "mechanism"
    ENCRYPTION = "encryption"


class Row(NamedTuple):
    """
    One line of the table: any of *words*, or the one code that is given.

    The words are regular expressions over the text in lower case, all else than
    letters, digits and apostrophes being one blank; ``~`` is up to four words.
    *source* is an RFC, or whose source, help page or public report has it.
    """

    meaning: Meaning
    source: str
    words: tuple[str, ...] = ()
    response: str = ""
    enhanced: str = ""
    reply: str = ""


_PROTOCOL: Final = (
    r"(?:imap\d?(?: access)?|pop\d?(?: access)?|smtp(?: auth)?(?: access)?|e?mail clients?"
    r"|(?:external|third party|other|desktop) (?:mail )?(?:clients?|programs?|apps?|software)"
    r"|protocol|this service)"
)
_ACCOUNT: Final = (
    r"(?:accounts?|users?|mailbox|mailboxes|customers?|senders?|domain|tenant|organi[sz]ation"
    r"|access|logins?|logons?|logging in|signing in|credentials?|api key|token)"
)
_NOT: Final = r"(?:not|n't|cannot|never|no longer|isn't|aren't|hasn't|doesn't|yet to)"
_ON: Final = (
    r"(?:enabled?|activated?|active|allow(?:ed)?|permit(?:ted)?|authori[sz]ed?|licensed|approved"
    r"|provisioned|open(?:ed)?|subscribed|verified|(?:switched|turned) on|entitled|valid for)"
)
_OFF: Final = (
    r"(?:disabled?|deactivated|(?:switched|turned) off|inactive|blocked|closed|prohibited|forbidden"
    r"|suspended|terminated|banned|cancell?ed|revoked|on hold|archived|unpaid|unavailable for"
    rf"|{_NOT}(?: \w+){{0,2}} {_ON}|not (?:supported|available) for)"
)
_IP: Final = (
    r"(?:ips?|ip addresses|(?:ip|client|your|remote|source|sending|this|host) (?:address|host)"
    r"|client|networks?|countr(?:y|ies)|locations?|regions?|vpn|proxy|connecting host)"
)
_BARRED: Final = (
    r"(?:blocked|banned|block ?listed|black ?listed|denied|rejected|refused|listed|restricted"
    r"|prohibited|forbidden|unauthori[sz]ed"
    r"|not(?: \w+)? (?:allowed|permitted|authori[sz]ed|trusted|accepted|(?:white|allow) ?listed))"
)
_TEMPORARILY: Final = (
    r"(?:temporar\w+|for a while|for \d+|for (?:some|the next|security)|vorübergehend)"
)
_TLS: Final = r"(?:tls|ssl|encryption|encrypted|starttls|secured?|privacy|confidentiality)"

_LOAD: Final = (
    r"(?:connections?|sessions?|clients?|users?|logins?|logons?|processes|commands?|requests?"
    r"|messages?|e?mails?)"
)

TABLE: Final = (
    # Sentences that a later row would read otherwise.
    Row(
        Meaning.WRONG,
        "Microsoft 365 (535 5.7.139), Yandex and Tencent (one sentence for several reasons)",
        (
            r"(?:credentials?|password) ~ (?:were|was|is|are) (?:incorrect|invalid|wrong|expired)",
            r"invalid credentials or imap is disabled",
            r"account is abnormal service is not open password is incorrect",
        ),
    ),
    Row(
        Meaning.BUSY,
        "rfc:4954 (432 4.7.12), Cyrus SASL",
        (r"transition is needed", r"one time use of a plaintext password"),
    ),
    Row(
        Meaning.OFF,
        "Microsoft 365 (security defaults, conditional access)",
        (
            r"security defaults",
            r"conditional access",
            r"criteria to be authenticated",
            r"organi[sz]ation's ~ policy",
            rf"(?:basic|legacy) auth\w* ~ (?:{_OFF}|{_NOT} supported|blocked|off)",
            r"smtp ?client ?authentication",
            r"smtp auth disabled",
        ),
    ),
    # The mailbox is taken: nothing is said about the password, or it was right.
    Row(Meaning.IN_USE, "rfc:5530, rfc:2449", response="INUSE|IN-USE"),
    Row(
        Meaning.IN_USE,
        "rfc:1939, hMailServer, perdition, qpopper, Cyrus, Courier",
        (
            (
                r"(?:mail ?drop|mail ?box|mail ?dir|mail file|inbox|spool|mail store) ~ "
                r"(?:lock(?:ed)?|in use|busy|being (?:used|read|accessed))"
            ),
            r"lock(?:ing)? ~ (?:mail ?drop|mail ?box|inbox|spool|mail file)",
            r"(?:get|acquire|obtain|wait(?:ing)? for|timed out for) ~ (?:lock|locks)",
            r"(?:another|other) ~ (?:session|client|process) ~ (?:active|mailbox|account|open)",
            r"already (?:logged in|in use|open(?:ed)?|locked)",
            r"session ~ (?:already|currently) (?:active|open|running)",
        ),
    ),
    # Too many failed logins, by whomever: the server does not look at this one.
    Row(
        Meaning.LOCKED,
        "Yahoo (#AUTH005), Gmail (454 4.7.0), hMailServer, MDaemon, Hotmail",
        (
            (
                r"too many(?! (?:\S+ ){0,3}(?:connections|sessions|clients|requests|commands)) ~ "
                r"(?:attempts?|failures?|failed|tries|retries|errors?|mistakes|passwords?)(?: \w+)?"
            ),
            r"(?:multiple|repeated|excessive|consecutive) ~ (?:attempts?|failures?|failed)",
            r"(?:exceed\w*|maximum) ~ (?:log ?in|auth\w*|password|failed) (?:attempts?|failures?)",
            r"attempts ~ exceeded",
        ),
    ),
    Row(
        Meaning.LOCKED,
        "Dovecot, Domino, Zimbra, Active Directory",
        (
            r"lock(?:ed)? ?out",
            rf"{_ACCOUNT} ~ (?:locked|frozen)",
            rf"{_TEMPORARILY} ~ (?:disabled|blocked|suspended|locked|restricted|banned|gesperrt)",
            rf"(?:disabled|blocked|suspended|locked|restricted|banned|frozen) ~ {_TEMPORARILY}",
        ),
    ),
    # The server wants encryption before it takes a password.
    Row(
        Meaning.ENCRYPTION,
        "Dovecot, Cyrus (under a layer), Courier, hMailServer, Exchange, sendmail, rfc:4954",
        (
            r"(?:issue|send|use|with|via|after|expected) (?:a |an )?starttls",
            r"under a layer",
            rf"{_TLS} ~ (?:required|needed|mandatory|necessary|expected)",
            rf"(?:requires?|needs?|must|please use|only) ~ {_TLS}",
            (
                r"(?:plain ?text|clear ?text|plain text|clear text|plaintext) ~ "
                r"(?:disabled|disallowed|forbidden|prohibited|refused|rejected|not|only|unavailable)"
            ),
            r"(?:without|non|no|lacks?) (?:tls|ssl|starttls|encryption|secured?)",
            r"(?:connection|session|channel|link) ~ (?:not |un)(?:encrypted|secured?)",
            r"(?:in|un|non|not) ?(?:secured?|encrypted) (?:connection|channel|session|link)s?",
            r"(?:tls|ssl)(?: v?\d)* (?:is |are |and \d \d )*(?:not|no longer) supported",
        ),
    ),
    # The mechanism was refused, not the password.
    Row(
        Meaning.MECHANISM,
        "Dovecot, Cyrus SASL, Postfix, Exim, sendmail, hMailServer, James, Exchange",
        (
            (
                r"(?:unsupported|unknown|unrecogni[sz]ed|unavailable|invalid|no|bad) ~ "
                r"(?:mechanisms?|mechs?|auth\w* (?:type|method|scheme)s?)"
            ),
            (
                r"(?:mechanisms?|auth\w* (?:type|method|scheme)s?) ~ "
                r"(?:not|no|too weak|unavailable|unsupported|disabled|unknown|refused|rejected)"
            ),
            r"too weak",
            (
                r"auth(?:enticat(?:e|ion))? (?:plain |login )?(?:command )?(?:is )?"
                r"(?:used when )?(?:currently )?not "
                rf"(?:enabled|available|supported|advertised|implemented|offered|recogni[sz]ed)"
                rf"(?! (?:for|on|to) (?:\w+ )?{_ACCOUNT})"
            ),
            r"command ~ not (?:implemented|recogni[sz]ed|supported|known)",
            r"command ~ (?:unimplemented|unrecogni[sz]ed)",
            r"(?:unknown|unrecogni[sz]ed|unimplemented|unsupported|invalid) command",
            r"(?:login|plain|user|pass) command (?:is )?(?:disabled|not \w+)",
            r"use (?:authenticate|sasl)",
            r"no secret in database",
            r"(?:does not|doesn't|cannot) support ~ (?:auth\w*|login|mechanism)",
        ),
    ),
    # Passwords, or this protocol, are switched off for the account, or it is closed.
    Row(
        Meaning.OFF,
        "Gmail, Yahoo, iCloud, mail.ru, Fastmail, Zoho (app passwords)",
        (
            r"app(?:lication)?s? (?:specific )?passwords?",
            r"(?:device|client|third party)(?: specific)? passwords?",
            r"parol prilozheniya",
            r"пароль (?:для )?(?:внешнего )?приложения",
        ),
    ),
    Row(
        Meaning.OFF,
        "NetEase and Tencent (authorization codes)",
        (
            r"author[iy][sz]?ation (?:code|password)",
            r"auth code",
            r"\S*(?:授权码|授權碼|无权|開啟|开启)\S*",
        ),
    ),
    Row(
        Meaning.OFF,
        "Gmail ([WEBALERT], Web login required), Yahoo, Outlook.com, NetEase (Unsafe Login)",
        (
            r"web ?alert",
            r"web only",
            r"web ?login",
            r"webloginrequired",
            (
                r"(?:log|sign|logging|signing) ?(?:in|on) ~ "
                r"(?:browser|web ?mail|web ?site|web ?page|the web)"
            ),
            (
                r"(?:via|through|in|from|use|using|with|open|visit) (?:your |a |the )?(?:web )?"
                r"(?:browser|web ?mail)"
            ),
            (
                r"(?:verify|confirm|validate|unlock|secure|reactivate) (?:your |the |this )?"
                r"(?:account|identity|mailbox|e?mail|phone)"
            ),
            r"unsafe login",
            r"accept ~ terms",
        ),
    ),
    Row(
        Meaning.OFF,
        "Microsoft 365, Google Workspace (basic authentication, OAuth, second factors)",
        (
            rf"password auth\w* ~ {_OFF}",
            r"less secure",
            r"modern auth\w*",
            r"o ?auth\w* ~ (?:required|only|must|instead)",
            r"(?:requires?|must use|please use|use|only) (?:\w+ )?o ?auth\w*",
            r"(?:two|2|multi) ?(?:factor|step|fa)",
            r"(?:mfa|2fa)",
            r"password logins? ~ (?:not|disabled|off)",
        ),
    ),
    Row(
        Meaning.OFF,
        "Gmail, Zoho, Yandex, Yahoo, Exchange, GMX, NetEase (the protocol)",
        (
            rf"{_PROTOCOL} ~ {_OFF}",
            rf"{_NOT} ~ {_ON} ~ {_PROTOCOL}",
            rf"(?:enable|activate|turn on|switch on|yet to enable|disabled) ~ {_PROTOCOL}",
            rf"{_PROTOCOL} ~ (?:deaktiviert|gesperrt|nicht)",
            rf"(?:may not|can not|cannot|can't) (?:use|access) ~ {_PROTOCOL}",
            r"access rights? to this service",
            r"(?:has|have|with) no (?:permission|right|rights|access|privileges?)",
            r"(?:without|insufficient|lacks?) (?:permissions?|privileges?)",
            r"(?:not|n't) have ~ (?:permissions?|access|rights?|privileges?|license|licence)",
        ),
    ),
    Row(
        Meaning.WRONG,
        "wherever a refused address or a limit stands in the same sentence",
        (r"(?:wrong|bad|incorrect|invalid) (?:\w+ ){0,2}(?:or )?(?:password|credentials?)",),
    ),
    # The address of this machine, not the account.
    Row(
        Meaning.BLOCKED,
        "SendGrid and Brevo (525), Postfix (postscreen, DNS lists), MDaemon, Exchange",
        (
            rf"{_IP} ~ {_BARRED}",
            (
                rf"(?:blocked|banned|rejected|denied|refused|listed|unauthori[sz]ed|{_BARRED}) ~ "
                rf"(?:ip|ips|network|location|country|region|rbl|dnsbl)"
            ),
            r"(?:rbl|dnsbl|spamhaus|spamcop|barracuda(?:central)?|fail2ban|firewall|sorbs)",
            r"(?:black|block) ?list(?:ed)?",
            r"(?:bad|poor|low) ~ reputation",
            r"geo ?(?:block|ip|restrict|fenc)\w*",
            r"not ~ (?:allow|white|access) ?list(?:ed)?",
            rf"(?:access|connections?|logins?) (?:is |are )?{_BARRED} from",
            r"no access from",
        ),
    ),
    Row(
        Meaning.OFF,
        "Cyrus SASL, Zimbra, Brevo (502 5.7.0), SendGrid, cPanel, Exchange (the account)",
        (
            rf"{_ACCOUNT} ~ {_OFF}",
            rf"(?:disabled|suspended|deactivated|inactive|blocked|unverified) {_ACCOUNT}",
            r"by (?:the |your |an )?(?:\w+ )?administrator",
            r"suspicious (?:log ?in|sign in|activity)",
            r"(?:does not|doesn't|not) includ(?:e|ed)",
            r"(?:upgrade|premium|paid (?:plan|account|user|version)|subscription)",
            r"(?:licen[cs]e|licen[cs]ed)",
            r"(?:deaktiviert|freigeschaltet|gesperrt)",
        ),
    ),
    # It may work later.
    Row(
        Meaning.BUSY,
        "Gmail, Hotmail, Dovecot (mail_max_userip_connections), Postfix, Courier, Amazon SES",
        (
            rf"too many ~ {_LOAD}",
            r"too (?:much|frequent(?:ly)?|fast|often|busy|high|quickly|soon)",
            r"max(?:imum|imal)? ~ (?:connections?|sessions?|clients?|logins?|processes|users)",
            r"(?:exceed\w*|reached|over|hit) ~ (?:limits?|rates?|quota|bandwidth|credits)",
            r"exceed\w* ~ frequency",
            r"limits? ~ (?:exceeded|reached|hit)",
            r"(?:login|connection|request|message) rate",
            r"(?:please wait|time between|between logins)",
            r"(?:rate|connection|login|frequency|bandwidth|hourly|daily) limit\w*",
            r"(?:throttl|overload|simultaneous|concurren)\w*",
        ),
    ),
    Row(
        Meaning.BUSY,
        "Dovecot, Postfix, Cyrus SASL (generic failure), Exim (435), Amazon SES, Zimbra",
        (
            r"temporar\w+",
            r"(?:try|retry|come back|wait) ~ (?:later|after|seconds?|minutes?|hours?|while|moment)",
            r"again later",
            r"busy",
            r"maintenance",
            r"at (?:present|this time|the moment)",
            r"right now",
            r"(?<!reason )unavailable",
            r"not available",
            r"(?:shutting|going|is) down",
            r"shut ?down",
            r"internal ~ (?:error|problem|failure)",
            (
                r"(?:server|system|service|backend|database|ldap|directory|storage|lookup|network) "
                r"(?:error|failure|problem|failed|fault|timed out|unreachable|not responding)"
            ),
            r"generic failure",
            r"auth\w* (?:backend|daemon|socket)",
            r"(?:could not|couldn't|cannot|can't|unable to|failed to) (?:connect|contact|reach)",
            r"(?:connection lost|lost connection)",
            r"(?:timed out|time ?out)",
            r"(?:out of|insufficient|low on) (?:\w+ )?(?:memory|resources|disk|space|storage)",
            r"child and i can't auth",
        ),
    ),
    # Response codes, where words say nothing.
    Row(
        Meaning.BUSY,
        "rfc:5530, rfc:3206, rfc:2449",
        response="UNAVAILABLE|LIMIT|SYS/TEMP|LOGIN-DELAY|SERVERBUG|OVERQUOTA",
    ),
    Row(Meaning.ENCRYPTION, "rfc:5530", response="PRIVACYREQUIRED|ENCRYPT-NEEDED"),
    Row(Meaning.MECHANISM, "rfc:5530", response="CANNOT|CLIENTBUG|AUTH-TOO-WEAK|TRANSITION-NEEDED"),
    Row(
        Meaning.OFF,
        "rfc:5530, rfc:3206, Gmail",
        response="CONTACTADMIN|AUTHORIZATIONFAILED|NOPERM|WEBALERT|SYS/PERM",
    ),
    Row(Meaning.WRONG, "rfc:5530, rfc:3206", response="AUTHENTICATIONFAILED|EXPIRED|AUTH"),
    # Enhanced codes.
    Row(Meaning.WRONG, "rfc:4954, Exchange, Microsoft 365", enhanced=r"5\.7\.(?:8|3|139)"),
    Row(Meaning.MECHANISM, "rfc:4954, sendmail", enhanced=r"5\.7\.9|5\.5\.4|5\.3\.3"),
    Row(Meaning.ENCRYPTION, "rfc:4954, rfc:5248", enhanced=r"5\.7\.1[01]"),
    Row(
        Meaning.OFF,
        "rfc:5248 (5.7.13), Gmail (5.7.14), Microsoft (5.7.30), rfc:3463 (5.2.1)",
        enhanced=r"5\.7\.(?:13|14|30)|5\.2\.1",
    ),
    Row(Meaning.BLOCKED, "rfc:7372, Microsoft (5.7.606 to 649)", enhanced=r"5\.7\.(?:25|6\d\d)"),
    Row(Meaning.BUSY, "rfc:3463 (systems and networks)", enhanced=r"5\.[34]\.\d+"),
    # Reply codes of SMTP.
    Row(Meaning.ENCRYPTION, "rfc:3207 (530), rfc:4954 (538), rfc:5248 (523)", reply="530|538|523"),
    Row(Meaning.MECHANISM, "rfc:5321 (50x), rfc:4954 (504, 534)", reply="50[0-4]|534"),
    Row(Meaning.OFF, "rfc:5248", reply="525"),
    Row(Meaning.BLOCKED, "rfc:7504", reply="521"),
)

_FINAL: Final = frozenset({Meaning.WRONG, Meaning.OFF})
"""What a 4xx never says: it is no verdict (RFC 5321, section 4.2.1)."""

_ENHANCED: Final = re.compile(r"[245]\.\d{1,3}\.\d{1,3}\b")
_RESPONSE: Final = re.compile(r"\[([A-Z][A-Z/-]{1,30})[^\]\[]*\]", re.IGNORECASE)
_URL: Final = re.compile(r"\bhttps?://[\w.-]+", re.IGNORECASE)
_ADDRESS: Final = re.compile(r"\b(?:\d{1,3}\.){3}\d{1,3}\b")
_NO_WORD: Final = re.compile(r"[^\w']+|_+")
_MAX_WORDS_TEXT: Final = 600

_ANY_WORDS: Final = tuple(
    re.compile(
        "|".join(rf"(?<!\S)(?:{words})(?!\S)" for words in row.words).replace(
            " ~ ", r" (?:\S+ ){0,4}?"
        )
    )
    if row.words
    else None
    for row in TABLE
)

RESPONSE_CODES: Final = frozenset(
    code for row in TABLE for code in row.response.split("|") if code
) | {"ALERT"}
"""Those that are shown as codes; any other word in brackets is text."""


def enhanced_code(text: str) -> str:
    """Return the enhanced status code that *text* opens with, such as ``5.7.8``."""
    match = _ENHANCED.match(text)
    return match[0] if match else ""


def response_codes(text: str) -> tuple[str, ...]:
    """Return the response codes that stand in brackets in *text*, in capitals, if known."""
    found = (match[1].upper() for match in _RESPONSE.finditer(text[:_MAX_WORDS_TEXT]))
    return tuple(code for code in found if code in RESPONSE_CODES)


def meaning_of(text: str, reply: int = 0) -> Meaning | None:
    """Return what a refusal means by *text* and SMTP's *reply* code; None if no row knows it."""
    return next((row.meaning for row in matching_rows(text, reply)), None)


def matching_rows(text: str, reply: int = 0) -> tuple[Row, ...]:
    """Return the first row that fits, or none."""
    words = _words_of(text)
    responses = response_codes(text)
    enhanced = enhanced_code(text)
    for row, pattern in zip(TABLE, _ANY_WORDS, strict=True):
        if reply // 100 == 4 and row.meaning in _FINAL:
            continue
        if (
            (pattern is not None and pattern.search(words))
            or any(code in row.response.split("|") for code in responses)
            or (row.enhanced and re.fullmatch(row.enhanced, enhanced))
            or (row.reply and re.fullmatch(row.reply, str(reply)))
        ):
            return (row,)
    return ()


def _words_of(text: str) -> str:
    """Return *text* as the table reads it: so plain that no pattern can take long over it."""
    plain = _ADDRESS.sub(
        " ip ", _URL.sub(" ", text[:_MAX_WORDS_TEXT]).replace("\u2019", "'")
    ).lower()
    return _NO_WORD.sub(" ", plain).strip()


_SENTENCES: Final = {
    Meaning.WRONG: (
        ProbeKind.AUTH_REJECTED,
        "the server rejected the login",
        "check user name and password; some providers need an app password",
    ),
    Meaning.OFF: (
        ProbeKind.AUTH_DISABLED,
        "the server does not allow this account to log in with this password",
        (
            "enable the protocol or create an app password in the account's settings, or "
            "ask the mail server's administrator"
        ),
    ),
    Meaning.LOCKED: (
        ProbeKind.AUTH_TEMPORARY,
        "the server has locked this login temporarily after too many failures",
        "wait, and find the client that still uses an old password",
    ),
    Meaning.BUSY: (
        ProbeKind.AUTH_TEMPORARY,
        "the server cannot check logins now",
        "try again later; the password may be right",
    ),
    Meaning.IN_USE: (
        ProbeKind.IN_USE,
        "the mailbox is open in another session",
        "try again later; ICE also has to wait while another client uses this mailbox",
    ),
    Meaning.BLOCKED: (
        ProbeKind.AUTH_BLOCKED,
        "the server blocks this machine's IP address",
        "the password may be right; ICE connects from other addresses",
    ),
    Meaning.MECHANISM: (
        ProbeKind.AUTH_MECHANISM,
        "the server does not accept this login mechanism",
        "the password may be right; the server needs another login mechanism",
    ),
    Meaning.ENCRYPTION: (
        ProbeKind.AUTH_MECHANISM,
        "the server requires encryption before the login",
        "use a port and flags with TLS; the password may be right",
    ),
}


def refused_login(text: str, reply: int = 0) -> ProbeAborted:
    """Return what it means that a login was answered by *text*, in SMTP with *reply*."""
    meaning = meaning_of(text, reply) or (Meaning.BUSY if reply // 100 == 4 else Meaning.WRONG)
    return _aborted(meaning, text, reply)


def ended_login(text: str) -> ProbeAborted:
    """
    Return what it means that a server hung up, or said no more, after a password.

    It is never the network: a server that locks out, or says nothing that the
    table knows, has refused the login.
    """
    meaning = meaning_of(text) if text else None
    if meaning is not None and meaning is not Meaning.LOCKED:
        return _aborted(meaning, text, 0)
    return ProbeAborted(
        ProbeKind.AUTH_UNANSWERED,
        "the server closed the connection instead of accepting the login",
        code=_codes(text, 0),
        text=text,
        hint="check user name and password; some servers close the connection instead of "
        "rejecting a login",
    )


def refused_connection(text: str, reply: int = 0) -> ProbeAborted:
    """Return what it means that a server refuses before anybody logs in."""
    meaning = meaning_of(text, reply)
    code = _codes(text, reply)
    temporary = reply // 100 == 4 or meaning in {Meaning.BUSY, Meaning.LOCKED, Meaning.IN_USE}
    if temporary and meaning is not Meaning.BLOCKED:
        message, hint = "the server accepts no connections at the moment", "try again later"
        return ProbeAborted(ProbeKind.AUTH_TEMPORARY, message, code=code, text=text, hint=hint)
    message = "the server accepts no connection from this machine"
    hint = "it may still accept connections from ICE"
    return ProbeAborted(ProbeKind.REFUSED, message, code=code, text=text, hint=hint)


def refused_inbox(text: str) -> ProbeAborted:
    """Return what it means that the mailbox cannot be opened after a login."""
    meaning = meaning_of(text)
    if meaning in {Meaning.BUSY, Meaning.IN_USE}:
        return _aborted(meaning, text, 0)
    return ProbeAborted(
        ProbeKind.INBOX_UNAVAILABLE,
        "logged in, but the mailbox cannot be opened",
        code=_codes(text, 0),
        text=text,
        hint="check that the account has a mailbox here and may use this protocol; shared "
        "mailboxes need a special user name",
    )


def _aborted(meaning: Meaning, text: str, reply: int) -> ProbeAborted:
    kind, message, hint = _SENTENCES[meaning]
    return ProbeAborted(kind, message, code=_codes(text, reply), text=text, hint=hint)


def _codes(text: str, reply: int) -> str:
    """Return the codes of a refusal: ``535 5.7.8``, or ``UNAVAILABLE``."""
    if reply:
        return f"{reply} {enhanced_code(text)}".rstrip()
    return " ".join(response_codes(text)[:1])
