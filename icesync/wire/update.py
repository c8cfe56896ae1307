"""
The body of ``UpdateEmailServer``.

Always the full document, never a patch: a member that is left out becomes
null, 0 or false on the server, silently (doc:sample; observed in ASP.NET's
binding). That is also what makes it safe to send a call again.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from icesync.model.fields import (
    LOGIN_KEYS,
    SENT_FIELDS,
    Field,
    Kind,
    Role,
    Setting,
    WireType,
    needs_login,
)
from icesync.model.project import Absent, OrgKey, WireOptions

if TYPE_CHECKING:
    from icesync.model.desired import Address
    from icesync.model.plan import Update
    from icesync.model.secret import SecretValue

UPDATE_PATH: Final = "/api/EmailAdmin/UpdateEmailServer"
"""doc: ``POST {base}/api/EmailAdmin/UpdateEmailServer``."""

_ENCODER: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))

TOKEN_NAME: Final = "Token"  # noqa: S105 - the name of a member
"""The token rides in the body, beside the three passwords (doc:sample)."""


def encode_update(update: Update, token: SecretValue, options: WireOptions) -> bytes:
    """
    Return the request body, UTF-8 JSON in the order of the field table.

    Ports and poll rates are strings, as the sample prints them. What was not
    given is sent as *options* say, but for a number, which is left out: the
    service cannot bind null to an integer (observed).
    """
    document: dict[str, object] = {**_address_members(update.address, options.org_key)}
    # Empty, and neither null nor left out: that is what "no login" is on the wire.
    bare = () if needs_login(update.settings) else LOGIN_KEYS
    for field in SENT_FIELDS:
        secret = update.secrets.get(field.key)
        value = secret.reveal() if secret is not None else update.settings.get(field.key)
        if value is not None:
            document[field.wire[0]] = _to_wire(field, value)
        else:
            document |= _absent(field, Absent.EMPTY if field.key in bare else options.absent)
    document[TOKEN_NAME] = token.reveal()
    return _ENCODER.encode(document).encode()


def sent_members(
    field: Field, value: Setting | None, address: Address, options: WireOptions
) -> dict[str, Setting | None]:
    """Return what a call for *address* carries of *field*; empty where it carries nothing."""
    if field.role is Role.ADDRESS:
        found = _address_members(address, options.org_key)
        return {name: found[name] for name in field.wire if name in found}
    if field.role is not Role.SENT:
        return {}
    if value is None:
        return _absent(field, options.absent)
    return {field.wire[0]: _to_wire(field, value)}


def _address_members(address: Address, org_key: OrgKey) -> dict[str, Setting | None]:
    names = ("OrgId", "OrganizationId") if org_key is OrgKey.BOTH else (org_key.value,)
    return {**dict.fromkeys(names, address.organization), "SkillId": address.skill}


def _absent(field: Field, absent: Absent) -> dict[str, Setting | None]:
    name = field.wire[0]
    if field.wire_type is WireType.BOOLEAN:
        return {name: False}
    if field.wire_type is WireType.NUMBER or absent is Absent.OMIT:
        return {}
    return {name: "" if absent is Absent.EMPTY else None}


def _to_wire(field: Field, value: Setting) -> Setting:
    if field.kind is Kind.INCOMING:
        return value == "imap"
    return str(value) if field.wire_type is WireType.STRING else value
