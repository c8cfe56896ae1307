"""
How a password is spoken: exactly one mechanism, chosen here.

The only module of this room that opens the secret: to log in with it, and to
recognise it in what a server says. A server may repeat what it was sent, in its own
spelling. So a text is read in every spelling that is undone here, one inside another, and
is not shown if six characters of the secret stand in a row in any of these readings.

SCRAM is written here and not taken from ``scramp``: that has no bound for the
iterations that a server asks for, and 2 ** 31 of them would hold a probe beyond
its time; and it needs another package for channel binding, which is not spoken.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import html
import quopri
import re
import secrets
import stringprep
import unicodedata
from functools import lru_cache
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote, unquote_plus

from icesync.model.probe import ProbeKind
from icesync.probe.connection import ProbeAborted

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence

    from icesync.model.secret import SecretValue

RUN: Final = 6
"""So many characters in a row are too many; a shorter secret counts as a whole."""

_RUN_OF_BASE64: Final = 8
_DEPTH: Final = 3
_MAX_READINGS: Final = 400
_MAX_TEXT: Final = 1_000

_BASE64: Final = re.compile(r"[A-Za-z0-9+/_-]{2,}={0,2}")
_BASE32: Final = re.compile(r"[A-Za-z2-7]{7,}={0,6}")
_REST_OF_BASE32: Final = (0, 1, 0, 1, 0, 0, 1, 0)
"""How many letters of a rest that was cut stand for no byte."""
_HEX: Final = re.compile(
    r"(?:(?:\\x|0x|%|&#x|u\+|\\u|=)?[0-9a-f]{2,8}[\s:;,.-]*){2,}", re.IGNORECASE
)
_WORTH: Final = re.compile(r"[!-~]{4}")
"""What else may hold a spelling that can be undone; the bytes of a wrong guess seldom do."""

_SEPARATORS: Final = str.maketrans("", "", "-._:,;|/ ")
_NUMBERS: Final = re.compile(r"(?:\b\d{2,3}\b[\s:;,.-]*){2,}")
_ESCAPE: Final = re.compile(
    r"\\(?:u\{?([0-9a-fA-F]{4,6})\}?|x([0-9a-fA-F]{2})|([0-7]{3})|U([0-9a-fA-F]{8}))"
)


def windows(secret: str, username: str) -> frozenset[str]:
    """Return what must not stand in any reading of a text: all runs of *secret*."""
    found: set[str] = set()
    # What precedes a password in a login, so that a short one is found beside its user name.
    joined = [secret, *(username[-3:] + sep + secret for sep in ("\0", ":", " ", ","))]
    for text in joined if len(secret) >= RUN else [secret]:
        for form in _folded(text):
            size = min(RUN, len(form))
            found.update(form[n : n + size] for n in range(len(form) - size + 1))
            found.update(form[::-1][n : n + size] for n in range(len(form) - size + 1))
    data = secret.encode("utf-8", "surrogatepass")
    for shift in range(3):
        # In base64 that lost its capitals nothing can be undone, but it can be recognised.
        spelled = base64.b64encode(b"\0" * shift + data).decode().rstrip("=")
        core = spelled[(shift * 4 + 2) // 3 : len(spelled) - 1]
        for form in _folded(core) if len(core) >= _RUN_OF_BASE64 else ():
            found.update(
                form[n : n + _RUN_OF_BASE64] for n in range(len(form) - _RUN_OF_BASE64 + 1)
            )
    prefix = _folded(username)
    return frozenset(run for run in found if run and not any(run in name for name in prefix))


@lru_cache(maxsize=256)
def readings(text: str) -> frozenset[str]:
    """Return *text* in all its readings, folded so that case, blanks and signs do not matter."""
    seen = {text[:_MAX_TEXT]}
    layer = set(seen)
    for _ in range(_DEPTH):
        worth = [one for one in layer if _WORTH.search(one)]
        layer = {found for one in worth for undo in _UNDOING for found in undo(one)} - seen
        if len(seen) + len(layer) > _MAX_READINGS:
            layer = set(sorted(layer, key=len, reverse=True)[: max(_MAX_READINGS - len(seen), 0)])
        seen |= layer
    return frozenset(form for one in seen for form in _folded(one))


def _folded(text: str) -> set[str]:
    """Return *text* without case and blanks, and without anything but letters and digits."""
    wide = unicodedata.normalize("NFKC", text).casefold()
    tight = "".join(c for c in wide if not c.isspace() and c.isprintable())
    bare = "".join(c for c in wide if c.isalnum())
    # Signs between all letters hide nothing; a secret of few letters is compared with its signs.
    forms = {tight, tight.translate(_SEPARATORS) or tight}
    return {*forms, bare} if len(bare) >= RUN else forms


def _texts(data: bytes) -> Iterator[str]:
    """Yield *data* as text: one byte a letter, UTF-8, and UTF-16 in both orders."""
    yield data.decode("utf-8", "ignore").replace("\0", "")
    yield data.decode("latin-1").replace("\0", "")
    if b"\0" in data or any(byte > 0x7F for byte in data):
        yield from (data.decode(name, "ignore") for name in ("utf-16-le", "utf-16-be"))
        yield from (data[1:].decode(name, "ignore") for name in ("utf-16-le", "utf-16-be"))


def _escapes(text: str) -> Iterator[str]:
    def letter(match: re.Match[str]) -> str:
        number = int(match[1] or match[2] or match[4] or "0", 16) or int(match[3] or "0", 8)
        return chr(number) if number < 0x11_0000 else ""

    plain = _ESCAPE.sub(letter, text)
    yield plain
    yield re.sub(r"\\(.)", r"\1", plain)
    # A string of bytes, as Python's repr writes it, holds UTF-8.
    yield plain.encode("latin-1", "ignore").decode("utf-8", "ignore")


def _urls(text: str) -> Iterator[str]:
    for undo in (unquote, unquote_plus):
        yield undo(text, errors="ignore")
        yield undo(text, encoding="latin-1")


def _quoted_printable(text: str) -> Iterator[str]:
    data = text.replace("=\r\n", "").encode("utf-8", "ignore")
    yield from _texts(quopri.decodestring(data))
    yield from _texts(quopri.decodestring(data.replace(b"_", b" ")))


def _base64(text: str) -> Iterator[str]:
    """Undo base64 wherever it may begin: a server may cut it, or put words before it."""
    for found in (text, "".join(text.split())):
        for match in _BASE64.finditer(found):
            run = match[0].rstrip("=").replace("-", "+").replace("_", "/")
            for shift in range(4):
                part = run[shift : len(run) - ((len(run) - shift) % 4 == 1)]
                if len(part) >= 2:
                    yield from _texts(base64.b64decode(part + "=" * (-len(part) % 4)))


def _hex(text: str) -> Iterator[str]:
    for match in _HEX.finditer(text):
        bare = re.sub(r"\\x|0x|%|&#x|u\+|\\u|=|[\s:;,.-]", "", match[0], flags=re.IGNORECASE)
        for shift in range(2):
            part = bare[shift : len(bare) - (len(bare) - shift) % 2]
            if len(part) >= 4:
                yield from _texts(binascii.unhexlify(part))


def _numbers(text: str) -> Iterator[str]:
    for match in _NUMBERS.finditer(text):
        numbers = [int(n) for n in re.findall(r"\d+", match[0])]
        yield from _texts(bytes(n for n in numbers if n < 256))


def _base32(text: str) -> Iterator[str]:
    for match in _BASE32.finditer("".join(text.split())):
        run = match[0].rstrip("=").upper()
        part = run[: len(run) - _REST_OF_BASE32[len(run) % 8]]
        yield from _texts(base64.b32decode(part + "=" * (-len(part) % 8)))


def _utf_7(text: str) -> Iterator[str]:
    """Undo UTF-7, and the kind of it that IMAP has for names of mailboxes."""
    if "&" in text:
        plus = text.replace("+", "+-").replace("&", "+").replace(",", "/")
        yield plus.encode("ascii", "ignore").decode("utf-7", "ignore")
    if "+" in text:
        yield text.encode("ascii", "ignore").decode("utf-7", "ignore")


def _html(text: str) -> Iterator[str]:
    yield html.unescape(text)


_UNDOING: Final[tuple[Callable[[str], Iterator[str]], ...]] = (
    _escapes,
    _html,
    _urls,
    _quoted_printable,
    _base64,
    _hex,
    _numbers,
    _base32,
    _utf_7,
)


PLAIN: Final = "PLAIN"
LOGIN: Final = "LOGIN"
CRAM_MD5: Final = "CRAM-MD5"
SCRAM: Final = {
    "SCRAM-SHA-256": "sha256",
    "SCRAM-SHA-512": "sha512",
    "SCRAM-SHA-1": "sha1",
}
HIDING: Final = (*SCRAM, CRAM_MD5)
"""Those that prove the password without showing it."""

SPOKEN: Final = (PLAIN, LOGIN, *HIDING)

_TOKENS: Final = frozenset({"XOAUTH2", "OAUTHBEARER", "XOAUTH", "BEARERTOKEN"})
_MAX_ITERATIONS: Final = 2_000_000
"""Some seconds of work; RFC 7677 asks for 4,096, careful servers for 600,000."""


class Account:
    """A user name and its password, in the words of each mechanism; prints neither."""

    def __init__(self, username: str, password: SecretValue) -> None:
        self.username = username.encode("utf-8", "surrogatepass")
        self._name = username
        self._password = password

    @property
    def password(self) -> bytes:
        """The password, for protocols that take it as it is."""
        return self._password.reveal().encode("utf-8", "surrogatepass")

    @property
    def fits_a_line(self) -> bool:
        """Whether both can stand in a command; a line break would begin another one."""
        return not set(b"\r\n\0") & {*self.username, *self.password}

    @property
    def fits_sasl(self) -> bool:
        """Whether both can be spoken at all: no mechanism carries a NUL."""
        return b"\0" not in self.username + self.password

    def dialogue(self, mechanism: str) -> Dialogue:
        """Return this account's part in *mechanism*."""
        if mechanism == PLAIN:
            return _Plain(self)
        if mechanism == LOGIN:
            return _Login(self)
        if mechanism == CRAM_MD5:
            return _CramMd5(self)
        return _Scram(self, SCRAM[mechanism])

    def prepared(self) -> tuple[str, str]:
        """Return both as SCRAM wants them (RFC 5802, section 5.1; RFC 4013)."""
        return _saslprep(self._name), _saslprep(self._password.reveal())

    def stands_in(self, text: str) -> bool:
        """Return whether *text*, in any reading, holds six characters of the password in a row."""
        needles = windows(self._password.reveal(), self._name)
        return any(needle in reading for reading in readings(text) for needle in needles)


class Dialogue:
    """
    One side of a mechanism: what to say first, if anything, and what to each challenge.

    *secret* says whether the next words show or prove the password.
    """

    first: bytes | None = None
    secret = True

    def __init__(self, account: Account) -> None:
        self._account = account

    def answer(self, challenge: bytes) -> bytes | None:
        """
        Return what to say to *challenge*; None: nothing more, the exchange is to be ended.

        Raises:
            ProbeAborted: *challenge* is none.

        """
        raise NotImplementedError


class _Plain(Dialogue):
    """RFC 4616."""

    def __init__(self, account: Account) -> None:
        super().__init__(account)
        self.first = b"\0" + account.username + b"\0" + account.password

    def answer(self, challenge: bytes) -> bytes | None:  # noqa: ARG002 - an explanation of a no
        return None


class _Login(Dialogue):
    """The Internet-Draft murchison-sasl-login; what is asked for is not read, only the order."""

    secret = False
    _asked = 0

    def answer(self, challenge: bytes) -> bytes | None:  # noqa: ARG002 - servers word it as they like
        self._asked += 1
        self.secret = True
        answers = {1: self._account.username, 2: self._account.password}
        return answers.get(self._asked)


class _CramMd5(Dialogue):
    """RFC 2195."""

    _asked = False

    def answer(self, challenge: bytes) -> bytes | None:
        if self._asked:
            return None
        self._asked = True
        if not challenge:
            raise ProbeAborted(ProbeKind.PROTOCOL, "the server sent no challenge for CRAM-MD5")
        try:
            digest = hmac.new(self._account.password, challenge, "md5").hexdigest()
        except ValueError:
            message = "skipped: CRAM-MD5 needs MD5, which this machine does not allow"
            raise ProbeAborted(ProbeKind.AUTH_MECHANISM, message) from None
        return self._account.username + b" " + digest.encode()


class _Scram(Dialogue):
    """RFC 5802 and 7677, without channel binding: two messages, and the server's proof."""

    secret = False
    _proof: bytes | None = None

    def __init__(self, account: Account, digest: str) -> None:
        super().__init__(account)
        self._digest = digest
        name, self._password = account.prepared()
        self._nonce = secrets.token_urlsafe(18)
        self._bare = f"n={name.replace('=', '=3D').replace(',', '=2C')},r={self._nonce}"
        self.first = b"n,," + self._bare.encode("utf-8", "surrogatepass")

    def answer(self, challenge: bytes) -> bytes | None:
        if self._proof is None:
            self.secret = True
            return self._final(challenge)
        attributes = _attributes(challenge)
        if "e" in attributes:
            return b""
        self.check(challenge)
        return b""

    def check(self, challenge: bytes) -> None:
        """Demand the proof that the server knows the password, too."""
        proof = _attributes(challenge).get("v", "")
        if self._proof is None or not hmac.compare_digest(_decoded(proof), self._proof):
            message = "the server did not prove that it knows the password (SCRAM)"
            raise ProbeAborted(ProbeKind.PROTOCOL, message)

    def _final(self, challenge: bytes) -> bytes:
        attributes = _attributes(challenge)
        nonce, salt, rounds = (attributes.get(key, "") for key in "rsi")
        if "m" in attributes or not nonce.startswith(self._nonce) or nonce == self._nonce:
            raise ProbeAborted(ProbeKind.PROTOCOL, "the server's first SCRAM message is invalid")
        if not re.fullmatch("[1-9][0-9]{0,8}", rounds) or not _decoded(salt):
            raise ProbeAborted(ProbeKind.PROTOCOL, "the server's first SCRAM message is invalid")
        if int(rounds) > _MAX_ITERATIONS:
            message = f"skipped: the server asks for {rounds} iterations in SCRAM"
            raise ProbeAborted(ProbeKind.AUTH_MECHANISM, message)
        password = self._password.encode("utf-8", "surrogatepass")
        salted = hashlib.pbkdf2_hmac(self._digest, password, _decoded(salt), int(rounds))
        key = hmac.digest(salted, b"Client Key", self._digest)
        without_proof = f"c=biws,r={nonce}"
        message_ = ",".join((self._bare, challenge.decode("utf-8", "replace"), without_proof))
        signed = message_.encode("utf-8", "surrogatepass")
        stored = hashlib.new(self._digest, key).digest()
        signature = hmac.digest(stored, signed, self._digest)
        proof = bytes(a ^ b for a, b in zip(key, signature, strict=True))
        server_key = hmac.digest(salted, b"Server Key", self._digest)
        self._proof = hmac.digest(server_key, signed, self._digest)
        return f"{without_proof},p={base64.b64encode(proof).decode()}".encode()


def _attributes(message: bytes) -> dict[str, str]:
    parts = message.decode("utf-8", "replace").split(",")
    return {part[0]: part[2:] for part in parts if part[1:2] == "="}


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        return b""


def _saslprep(text: str) -> str:
    """Return *text* as RFC 4013 prepares it, as it is where that forbids it: servers differ."""
    mapped = "".join(
        " " if stringprep.in_table_c12(c) else c for c in text if not stringprep.in_table_b1(c)
    )
    return unicodedata.normalize("NFKC", mapped)


def decode_challenge(text: str) -> bytes:
    """Return the bytes of a *challenge* in base64; none where it is not."""
    try:
        return base64.b64decode(text.strip().encode("ascii", "replace"), validate=True)
    except (binascii.Error, ValueError):
        return b""


def choose_mechanism(
    offered: Sequence[str], known: Collection[str], *, encrypted: bool, clear_text: bool
) -> str:
    """
    Return the one mechanism to try of those *offered*; *known* are those that can be spoken.

    What shows the password goes first where it is encrypted: it works whatever
    the server stores. Without encryption only what hides it goes, unless
    *clear_text* lets the others go.

    Raises:
        ProbeAborted: there is none.

    """
    showing = [name for name in known if name not in HIDING]
    hiding = [name for name in HIDING if name in known]
    order = (*showing, *hiding) if encrypted else (*hiding, *showing)
    usable = [name for name in order if name in offered]
    sayable = [name for name in usable if encrypted or clear_text or name in HIDING]
    if sayable:
        return sayable[0]
    if usable:
        raise ProbeAborted(
            ProbeKind.AUTH_UNAVAILABLE,
            "the password would be unencrypted, so it was not sent",
            hint="use encryption, or pass --allow-cleartext ADDR",
        )
    if not offered:
        where = "" if encrypted else " without encryption"
        message = f"the server offers no login{where}"
        hint = "check host and port; this server may only receive mail from other servers"
        raise ProbeAborted(ProbeKind.AUTH_UNAVAILABLE, message, hint=hint)
    names = ", ".join(dict.fromkeys(offered))
    if set(offered) <= _TOKENS:
        raise ProbeAborted(
            ProbeKind.OAUTH_ONLY,
            f"skipped: {names}; the server accepts only tokens, no passwords",
            hint="ICE has no field for a token; use another provider, or a relay",
        )
    raise ProbeAborted(
        ProbeKind.AUTH_MECHANISM,
        f"skipped: {names}; icesync does not support these login mechanisms",
        hint="the password may be right; whether ICE supports them is unknown",
    )
