"""What a spoken fault makes of a reply; the reply that comes out is whole and can be sent."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from datetime import timedelta
from email.utils import format_datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Final, TypeAlias

from icesync.emulator import framework
from icesync.emulator.fault import Fault, Form, Throttle
from icesync.emulator.faultkinds import Kind
from icesync.emulator.wording import reword
from icesync.wire.reply import Reply

if TYPE_CHECKING:
    from datetime import datetime

    from icesync.emulator.framework import Request

__all__ = ["LOGIN_PAGE", "spoken"]

LOGIN_PAGE: Final = "/ICEAPI/Login.aspx"
"""Where a redirect leads unless told otherwise."""

_EMPTY: Final = frozenset({204, 205, 304})
_MIB: Final = 2**20
_USUAL_MIB: Final = 2
_USUAL_BOMB_MIB: Final = 64
_USUAL_HEADERS_KIB: Final = 256
_A_HEADER: Final = 1024
_FARTHEST_S: Final = 10**9
"""About thirty years: a date must stay one."""

_Effect: TypeAlias = Callable[[Fault, Reply, "Request", "datetime"], Reply]


def spoken(fault: Fault, reply: Reply, request: Request, now: datetime) -> Reply:
    """Return what the caller gets instead of *reply*; other faults leave it alone."""
    effect = _EFFECTS.get(fault.kind)
    return reply if effect is None else effect(fault, reply, request, now)


def _status(fault: Fault, _: Reply, request: Request, __: datetime) -> Reply:
    """Return the reply that the application has for this status, or a plain one."""
    status = int(str(fault.argument))
    special = {
        400: framework.invalid(),
        401: framework.unauthorized(),
        404: framework.not_found(request.url),
        405: framework.wrong_verb(request.method),
        415: framework.unsupported("application/json"),
        500: framework.broken(),
    }
    if status in special:
        return special[status]
    if status in _EMPTY:
        return framework.json_reply(b"", status)
    if 300 <= status < 400:
        return framework.redirect(LOGIN_PAGE, status)
    return framework.message(status, framework.phrase(status))


def _html(fault: Fault, *_: object) -> Reply:
    status = int(str(fault.argument))
    return framework.kernel_page(status) if status == 503 else framework.iis_page(status)


def _redirect(fault: Fault, *_: object) -> Reply:
    return framework.redirect(LOGIN_PAGE if fault.argument is None else str(fault.argument), 307)


def _throttle(fault: Fault, _: Reply, __: Request, now: datetime) -> Reply:
    throttle = fault.argument if isinstance(fault.argument, Throttle) else Throttle()
    text = framework.phrase(throttle.status)
    wait = {"retry-after": _retry_after(throttle, now)}
    return framework.message(throttle.status, text, **wait)


def _retry_after(throttle: Throttle, now: datetime) -> str:
    """Return the header in the form that was asked for (RFC 9110, section 5.6.7)."""
    if throttle.form is Form.SECONDS:
        return str(throttle.retry_s)
    wait_s = max(-_FARTHEST_S, min(throttle.retry_s, _FARTHEST_S))
    moment = now.replace(microsecond=0) + timedelta(seconds=wait_s)
    match throttle.form:
        case Form.RFC850:
            return moment.strftime("%A, %d-%b-%y %H:%M:%S GMT")
        case Form.ASCTIME:
            return moment.ctime()
        case _:
            return format_datetime(moment, usegmt=True)


def _echo(_: Fault, __: Reply, request: Request, ___: datetime) -> Reply:
    return framework.message(400, request.body.decode(errors="replace"))


def _message(fault: Fault, reply: Reply, *_: object) -> Reply:
    """Return *reply* in other words, if it is one object, which only a page is not."""
    try:
        one_object = isinstance(json.loads(reply.body), dict)
    except ValueError:
        one_object = False
    return reword(reply, str(fault.argument)) if one_object else reply


def _bom(_: Fault, reply: Reply, *__: object) -> Reply:
    return Reply(reply.status, reply.headers, b"\xef\xbb\xbf" + reply.body)


def _utf16(_: Fault, reply: Reply, *__: object) -> Reply:
    kind = {"content-type": "application/json; charset=utf-16"}
    body = reply.body.decode(errors="replace").encode("utf-16")
    return Reply(reply.status, {**reply.headers, **kind}, body)


def _bad_gzip(_: Fault, reply: Reply, *__: object) -> Reply:
    return Reply(reply.status, {**reply.headers, "content-encoding": "gzip"}, reply.body)


def _no_content_type(_: Fault, reply: Reply, *__: object) -> Reply:
    headers = {name: value for name, value in reply.headers.items() if name != "content-type"}
    return Reply(reply.status, headers, reply.body)


def _big(fault: Fault, reply: Reply, *_: object) -> Reply:
    """Return *reply* with blanks behind it, which JSON allows."""
    size = int(str(fault.argument or _USUAL_MIB)) * _MIB
    return Reply(reply.status, reply.headers, reply.body.ljust(size))


def _gzip_bomb(fault: Fault, reply: Reply, *_: object) -> Reply:
    """Return *reply* with blanks behind it, in gzip: a thousandth of what it swells to."""
    size = int(str(fault.argument or _USUAL_BOMB_MIB)) * _MIB
    return Reply(
        reply.status, {**reply.headers, "content-encoding": "gzip"}, _bomb(reply.body, size)
    )


@lru_cache(maxsize=4)
def _bomb(body: bytes, size: int) -> bytes:
    return gzip.compress(body.ljust(size), mtime=0)


def _header_flood(fault: Fault, reply: Reply, *_: object) -> Reply:
    """Return *reply* with a header a KiB."""
    count = int(str(fault.argument or _USUAL_HEADERS_KIB))
    names = (f"x-flood-{number:04}" for number in range(count))
    flood = {name: "x" * (_A_HEADER - len(name) - len(": \r\n")) for name in names}
    return Reply(reply.status, {**reply.headers, **flood}, reply.body)


def _xml(_: Fault, reply: Reply, *__: object) -> Reply:
    return framework.in_xml(reply)


_EFFECTS: Final[dict[Kind, _Effect]] = {
    Kind.STATUS: _status,
    Kind.HTML: _html,
    Kind.REDIRECT: _redirect,
    Kind.THROTTLE: _throttle,
    Kind.ECHO: _echo,
    Kind.MESSAGE: _message,
    Kind.BOM: _bom,
    Kind.UTF16: _utf16,
    Kind.BAD_GZIP: _bad_gzip,
    Kind.NO_CONTENT_TYPE: _no_content_type,
    Kind.XML: _xml,
    Kind.BIG: _big,
    Kind.GZIP_BOMB: _gzip_bomb,
    Kind.HEADER_FLOOD: _header_flood,
}
