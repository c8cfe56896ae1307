"""
How a password is spoken: exactly one mechanism, chosen here.

The only module of this room that opens the secret: to log in with it, and to
recognise it in what a server says.

SCRAM is written here and not taken from ``scramp``: that has no bound for the
iterations that a server asks for, and 2 ** 31 of them would hold a probe beyond
its time; and it needs another package for channel binding, which is not spoken.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
import secrets
import stringprep
import unicodedata
from typing import TYPE_CHECKING, Final

from icesync.model.probe import ProbeKind
from icesync.probe.connection import ProbeAborted
from icesync.probe.echo import readings, windows

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from icesync.model.secret import SecretValue

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
            raise ProbeAborted(ProbeKind.PROTOCOL, "the server sends no challenge for CRAM-MD5")
        try:
            digest = hmac.new(self._account.password, challenge, "md5").hexdigest()
        except ValueError:
            message = "not tried: CRAM-MD5 needs MD5, which this machine forbids"
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
            raise ProbeAborted(ProbeKind.PROTOCOL, "the server's first message in SCRAM is none")
        if not re.fullmatch("[1-9][0-9]{0,8}", rounds) or not _decoded(salt):
            raise ProbeAborted(ProbeKind.PROTOCOL, "the server's first message in SCRAM is none")
        if int(rounds) > _MAX_ITERATIONS:
            message = f"not tried: the server asks for {rounds} iterations in SCRAM"
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
            "the password would travel in clear text, so it was not sent",
            hint="use encryption, or allow clear text: --allow-cleartext ADDR",
        )
    if not offered:
        where = "" if encrypted else " without encryption"
        message = f"the server offers no login{where}"
        hint = "check host and port: this may be a server that only takes mail from other servers"
        raise ProbeAborted(ProbeKind.AUTH_UNAVAILABLE, message, hint=hint)
    names = ", ".join(dict.fromkeys(offered))
    if set(offered) <= _TOKENS:
        raise ProbeAborted(
            ProbeKind.OAUTH_ONLY,
            f"not tried: {names}; the server takes tokens only, no passwords",
            hint="ICE has no field for a token: use another provider, or a relay",
        )
    raise ProbeAborted(
        ProbeKind.AUTH_MECHANISM,
        f"not tried: {names}; icesync cannot speak these login mechanisms",
        hint="this says nothing about the password; whether ICE can speak them is not known",
    )
