"""
The body of ``UpdateEmailServer``.

Always the full document, never a patch: a member that is left out becomes
null, 0 or false on the server, silently (doc:sample; observed in ASP.NET's
binding). That is also what makes it safe to send a call again.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from icesync.model.fields import SENT_FIELDS, Field, Kind, Setting, WireType
from icesync.model.project import Absent, OrgKey, WireOptions

if TYPE_CHECKING:
    from icesync.model.address import Address
    from icesync.model.secret import SecretValue
    from icesync.model.update import Update

__all__ = ["TOKEN_NAME", "UPDATE_PATH", "encode_update"]

UPDATE_PATH: Final = "/api/EmailAdmin/UpdateEmailServer"
"""doc: ``POST {base}/api/EmailAdmin/UpdateEmailServer``."""

TOKEN_NAME: Final = "Token"  # noqa: S105 - the name of a member
"""The token rides in the body, beside the three passwords (doc:sample)."""


def encode_update(update: Update, token: SecretValue, options: WireOptions) -> bytes:
    """
    Return the request body, UTF-8 JSON in the order of the field table.

    Ports and poll rates are strings, as the sample prints them. What was not
    given is sent as *options* say, but for a number, which is left out: the
    service cannot bind null to an integer (observed).
    """
    document: dict[str, object] = _address_members(update.address, options.org_key)
    for field in SENT_FIELDS:
        value = _wire_value(field, update, options.absent)
        if value is not _LEFT_OUT:
            document[field.wire[0]] = value
    document[TOKEN_NAME] = token.reveal()
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()


_LEFT_OUT: Final = object()


def _address_members(address: Address, org_key: OrgKey) -> dict[str, object]:
    names = ("OrgId", "OrganizationId") if org_key is OrgKey.BOTH else (org_key.value,)
    return {**dict.fromkeys(names, address.organization), "SkillId": address.skill}


def _wire_value(field: Field, update: Update, absent: Absent) -> object:
    if field.secret:
        secret = update.secrets.get(field.key)
        return _absent(field, absent) if secret is None else secret.reveal()
    value = update.settings.get(field.key)
    return _absent(field, absent) if value is None else _to_wire(field, value)


def _to_wire(field: Field, value: Setting) -> Setting:
    if field.kind is Kind.INCOMING:
        return value == "imap"
    return str(value) if field.wire_type is WireType.STRING else value


def _absent(field: Field, absent: Absent) -> object:
    if field.wire_type is WireType.NUMBER:
        return _LEFT_OUT
    if field.wire_type is WireType.BOOLEAN:
        return False
    return {Absent.EMPTY: "", Absent.NULL: None, Absent.OMIT: _LEFT_OUT}[absent]
