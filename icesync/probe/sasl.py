"""
How a password is spoken: exactly one mechanism, chosen here.

The only module of this room that opens the secret: to log in with it, and to
recognise it in what a server says.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from icesync.model.probe import ProbeKind
from icesync.probe.connection import ProbeAborted

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from icesync.model.secret import SecretValue

__all__ = ["CRAM_MD5", "LOGIN", "PLAIN", "Account", "choose_mechanism"]

PLAIN: Final = "PLAIN"
LOGIN: Final = "LOGIN"
CRAM_MD5: Final = "CRAM-MD5"

_TOKENS: Final = frozenset({"XOAUTH2", "OAUTHBEARER"})


class Account:
    """A user name and its password, in the words of each mechanism; prints neither."""

    def __init__(self, username: str, password: SecretValue) -> None:
        self.username = username.encode("utf-8", "surrogatepass")
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

    def plain(self) -> bytes:
        """Return the initial response of PLAIN (RFC 4616)."""
        return base64.b64encode(b"\0" + self.username + b"\0" + self.password)

    def login(self) -> tuple[bytes, bytes]:
        """Return both answers of LOGIN."""
        return base64.b64encode(self.username), base64.b64encode(self.password)

    def cram_md5(self, challenge: bytes) -> bytes:
        """
        Return the answer to a base64 *challenge* (RFC 2195).

        Raises:
            ProbeAborted: it is no challenge, or MD5 is not to be had here.

        """
        try:
            digest = hmac.new(self.password, base64.b64decode(challenge, validate=True), "md5")
        except binascii.Error:
            message = "the challenge of CRAM-MD5 is not base64"
            raise ProbeAborted(ProbeKind.PROTOCOL, message) from None
        except ValueError:
            message = "CRAM-MD5 needs MD5, which this machine forbids"
            raise ProbeAborted(ProbeKind.AUTH_UNAVAILABLE, message) from None
        return base64.b64encode(self.username + b" " + digest.hexdigest().encode())

    def stands_in(self, text: str) -> bool:
        """Return whether *text* repeats the password, in one of the usual spellings."""
        folded = "".join(text.split()).casefold()
        return any(needle in folded for needle in self._spellings())

    def _spellings(self) -> set[str]:
        """Return the password as it may come back, folded and without blanks."""
        raw = self.password
        words = {self._password.reveal(), raw.hex(), quote(raw), self.plain().decode()}
        words |= {raw.decode("latin-1"), raw.decode("utf-8", "replace")}
        for shift in range(3):
            for encode in (base64.b64encode, base64.urlsafe_b64encode):
                # Inside of a longer text the first and the last letter hold strange bits.
                whole = encode(b"\0" * shift + raw).decode().rstrip("=")
                words.add(whole[(shift * 4 + 2) // 3 : len(whole) - 1])
        return {"".join(word.split()).casefold() for word in words} - {""}


def choose_mechanism(
    offered: Sequence[str], known: Collection[str], *, encrypted: bool, clear_text: bool
) -> str:
    """
    Return the one mechanism to try of those *offered*; *known* are those that we can speak.

    Without encryption only CRAM-MD5, which does not show the password, unless
    *clear_text* lets the others go.

    Raises:
        ProbeAborted: there is none.

    """
    order = (PLAIN, LOGIN, CRAM_MD5) if encrypted else (CRAM_MD5, PLAIN, LOGIN)
    usable = [name for name in order if name in offered and name in known]
    sayable = [name for name in usable if encrypted or clear_text or name == CRAM_MD5]
    if sayable:
        return sayable[0]
    if usable:
        raise ProbeAborted(
            ProbeKind.AUTH_UNAVAILABLE,
            "the password would travel in clear text, so it was not spoken",
            hint="encrypt, or let it: --allow-cleartext ADDR",
        )
    if offered and set(offered) <= _TOKENS:
        raise ProbeAborted(
            ProbeKind.OAUTH_ONLY,
            "the server takes tokens only, no passwords",
            hint="ICE has no field for a token: use another provider, or a relay",
        )
    where = "" if encrypted else " without encryption"
    raise ProbeAborted(
        ProbeKind.AUTH_UNAVAILABLE,
        f"the server offers no way to log in with a password{where}",
        text=" ".join(offered),
    )
