"""
What a reply of ICE means.

Statuses are not documented and message texts vary from page to page, so the
reading is a table of ordered rules: the first that fits decides, and what fits
none is *uncertain*. Only a 2xx whose message is an explicit success counts as
applied; "Unsuccessful" contains "success", so texts are never searched for it.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import field
from typing import Final, TypeAlias
from urllib.parse import urlsplit

from icesync.frozen import frozen
from icesync.model.fields import FIELDS
from icesync.model.report import Outcome, OutcomeKind

_SUCCESS: Final = re.compile(
    r"success(ful)?|(?!.*\b(?:be|cannot|error|fail\w*|neither|never|no|none|nor|not|nothing)\b)"
    r"([\w ]+ )?(added|updated|saved) successfully"
)
"""Texts of the vendor's pages (help); "was not saved successfully" ends like one of them."""

_FAILURE: Final = frozenset({"the request is invalid", "failed", "failure", "error"})
_AUTH_TEXT: Final = re.compile(r"token|expired|unauthor|authorization|log ?in|session|signature")
_BROKEN_SETUP: Final = frozenset({403, 404, 405, 406, 410, 411, 413, 414, 415, 431})
_NOT_PROCESSED: Final = frozenset({408, 425})
_HOST: Final = re.compile(r"[a-z0-9.:-]{1,253}")


@frozen
class Reply:
    """
    One HTTP reply as it came: header names in lower case, body undecoded.

    *retry_after_s* is the ``Retry-After`` header, already turned into seconds.
    """

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    retry_after_s: float | None = None


@frozen
class _Facts:
    """What the rules ask about a reply."""

    reply: Reply
    document: Mapping[str, object] | None
    message: str | None
    fields: tuple[str, ...]
    contradictory: bool

    @property
    def accepted(self) -> bool:
        return 200 <= self.reply.status < 300

    @property
    def model_state(self) -> bool:
        return self.document is not None and "modelstate" in self.document


_Test: TypeAlias = Callable[[_Facts], bool]


@frozen
class ReplyRule:
    """
    One row: the first whose *test* holds gives the outcome; *detail* is for people.

    *more* adds to it what this one reply shows. It never quotes the reply, which
    may repeat a password.
    """

    id: str
    kind: OutcomeKind
    detail: str
    test: _Test
    more: Callable[[_Facts], str] = lambda _: ""


def _says(facts: _Facts, pattern: re.Pattern[str]) -> bool:
    return facts.message is not None and pattern.fullmatch(facts.message) is not None


def _mentions_auth(facts: _Facts) -> bool:
    """Return whether the text is about the token; a 404 merely quotes the address in its own."""
    status = facts.reply.status
    if facts.message is None or (status in _BROKEN_SETUP and status != 403):
        return False
    return _AUTH_TEXT.search(facts.message) is not None


def _kernel_503(facts: _Facts) -> bool:
    server = facts.reply.headers.get("server", "")
    return facts.reply.status == 503 and server.startswith("Microsoft-HTTPAPI")


def _what_came(facts: _Facts) -> str:
    if facts.message:
        return ": its message says neither success nor failure"
    if facts.document is not None:
        return ": JSON without a message"
    start = facts.reply.body.lstrip()[:1]
    return {b"": ": it is empty", b"<": ": an HTML page instead of JSON"}.get(start, ": not JSON")


def _where_to(facts: _Facts) -> str:
    """Return the host of a redirect, and nothing else of it."""
    try:
        host = urlsplit(facts.reply.headers.get("location", "")).hostname or ""
    except ValueError:
        host = ""
    return f": it points to {host}" if _HOST.fullmatch(host) else ""


def _which_values(facts: _Facts) -> str:
    if facts.fields:
        return f": {', '.join(facts.fields)}"
    return ": invalid value, invalid token or unknown skill; ICE does not say which"


def _why_misplaced(facts: _Facts) -> str:
    return f": {_MISPLACED.get(facts.reply.status, _NO_JSON)}"


_NO_JSON: Final = "the server there does not accept JSON"
_TOO_LARGE: Final = "the request is too large for a proxy in front of ICE"
_MISPLACED: Final = {
    403: "a proxy in front of ICE blocks this machine",
    404: "no such call at this URL",
    405: "this URL does not accept POST",
    410: "no such call at this URL any more",
    411: "a proxy in front of ICE expects another request format",
    413: _TOO_LARGE,
    414: _TOO_LARGE,
    431: _TOO_LARGE,
}

REPLY_RULES: Final = (
    ReplyRule(
        "redirect",
        OutcomeKind.MISCONFIGURED,
        "ICE answered with a redirect, which is not followed because the body contains passwords",
        lambda f: 300 <= f.reply.status < 400,
        _where_to,
    ),
    ReplyRule(
        "both verdicts",
        OutcomeKind.UNCERTAIN,
        "the reply reports both success and failure",
        lambda f: f.contradictory,
    ),
    ReplyRule(
        "success",
        OutcomeKind.APPLIED,
        "",
        lambda f: f.accepted and _says(f, _SUCCESS),
    ),
    ReplyRule(
        "failure",
        OutcomeKind.REJECTED,
        "ICE rejected the call",
        lambda f: f.accepted and (f.model_state or (f.message or "") in _FAILURE),
        _which_values,
    ),
    ReplyRule(
        "credentials",
        OutcomeKind.AUTH,
        "ICE rejected the token",
        lambda f: f.reply.status < 500 and _mentions_auth(f),
    ),
    ReplyRule(
        "odd success",
        OutcomeKind.UNCERTAIN,
        "the reply is not an answer of ICE",
        lambda f: f.accepted,
        _what_came,
    ),
    ReplyRule(
        "unauthorized",
        OutcomeKind.AUTH,
        "ICE rejected the token",
        lambda f: f.reply.status == 401 or (f.reply.status == 403 and f.document is not None),
    ),
    ReplyRule(
        "bad request",
        OutcomeKind.REJECTED,
        "ICE rejected the call",
        lambda f: f.reply.status == 400,
        _which_values,
    ),
    ReplyRule(
        "wrong place",
        OutcomeKind.MISCONFIGURED,
        "this URL does not accept the call",
        lambda f: f.reply.status in _BROKEN_SETUP,
        _why_misplaced,
    ),
    ReplyRule(
        "throttled",
        OutcomeKind.THROTTLED,
        "ICE asks to slow down",
        lambda f: (
            f.reply.status == 429 or (f.reply.status == 503 and "retry-after" in f.reply.headers)
        ),
    ),
    ReplyRule(
        "not processed",
        OutcomeKind.TRANSIENT,
        "ICE did not process the call",
        lambda f: f.reply.status in _NOT_PROCESSED or _kernel_503(f),
    ),
    ReplyRule(
        "server error",
        OutcomeKind.UNCERTAIN,
        "ICE failed; the change may or may not have been saved",
        lambda f: f.reply.status >= 500,
    ),
    ReplyRule(
        "anything else", OutcomeKind.UNCERTAIN, "the reply is not an answer of ICE", lambda _: True
    ),
)
"""Ordered; the last row fits everything."""


def read_reply(reply: Reply) -> Outcome:
    """Return what *reply* means; never raises, whatever the bytes are."""
    facts = _facts(reply)
    rule = next(rule for rule in REPLY_RULES if rule.test(facts))
    if rule.kind is OutcomeKind.APPLIED:
        return Outcome(rule.kind)
    return Outcome(rule.kind, _detail(rule, facts), reply.retry_after_s, facts.fields)


def read_object(body: bytes) -> dict[str, object] | None:
    """
    Return the JSON object in *body* with folded keys, or None.

    Keys lose stray blanks and case, a list of one object is opened, and of two
    equal keys the last wins: all of that is seen in the vendor's pages (help).
    """
    parsed = _parse(body)
    return None if parsed is None else {_fold(key): value for key, value in parsed}


def read_message(document: Mapping[str, object]) -> str | None:
    """Return the message, trimmed, case-folded, without a final full stop."""
    message = document.get("message")
    return message.strip().casefold().rstrip(".") if isinstance(message, str) else None


def _parse(body: bytes) -> list[tuple[str, object]] | None:
    try:
        text = body.removeprefix(codecs.BOM_UTF8)
        document = _DECODER.decode(text.decode(json.detect_encoding(text), "surrogatepass"))
    except (ValueError, RecursionError):
        return None
    if isinstance(document, list) and not isinstance(document, _Pairs) and len(document) == 1:
        document = document[0]
    return document if isinstance(document, _Pairs) else None


class _Pairs(list[tuple[str, object]]):
    """An object as its members, so that a key given twice is seen."""


_DECODER: Final = json.JSONDecoder(object_pairs_hook=_Pairs)


def _fold(key: str) -> str:
    return key.strip().casefold()


def _facts(reply: Reply) -> _Facts:
    pairs = _parse(reply.body)
    document = None if pairs is None else {_fold(key): value for key, value in pairs}
    message = None if document is None else read_message(document)
    said = {read_message({"message": v}) for k, v in pairs or () if _fold(k) == "message"}
    verdicts = {_SUCCESS.fullmatch(text) is not None for text in said if text}
    if document and "modelstate" in document:
        verdicts.add(False)
    return _Facts(reply, document, message, _complained_fields(document), len(verdicts) > 1)


_KEY_BY_WIRE: Final = {name.casefold(): f.key for f in FIELDS for name in f.wire}


def _complained_fields(document: Mapping[str, object] | None) -> tuple[str, ...]:
    """Return the YAML keys named by ``ModelState``, such as ``server.SMTPPort``."""
    state = (document or {}).get("modelstate")
    if not isinstance(state, _Pairs):
        return ()
    leaves = (key.rpartition(".")[2].casefold() for key, _ in state)
    return tuple(dict.fromkeys(_KEY_BY_WIRE[leaf] for leaf in leaves if leaf in _KEY_BY_WIRE))


def _detail(rule: ReplyRule, facts: _Facts) -> str:
    return f"{rule.detail}{rule.more(facts)} (HTTP {facts.reply.status})"
