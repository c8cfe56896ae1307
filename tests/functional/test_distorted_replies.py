"""The client over a real socket, against every way in which a reply can be distorted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from builders import SETTINGS
from fakes import FakeClock
from farend import DISTORTIONS, SocketFarEnd

from icesync.client.gateway import IceGateway
from icesync.client.session import Session
from icesync.emulator.service import Service
from icesync.model.desired import Address
from icesync.model.plan import Update
from icesync.model.project import WireOptions
from icesync.model.secret import SecretValue
from icesync.net import ClientOptions, open_client
from icesync.wire.login import sign_token

if TYPE_CHECKING:
    from icesync.emulator.storage import Storage

PASSWORD = "Clark1! never seen"


@pytest.mark.parametrize("name", DISTORTIONS)
def test_reads_what_arrives(archive: Storage, name: str) -> None:
    """Success is what says so in so many words; nothing that was quoted back is repeated."""
    clock = FakeClock()
    token = sign_token({"orgid": 59, "username": "robot", "exp": 10**10}, archive.signing_key)
    update = Update(Address(59, 663), SETTINGS, {"smtp.password": SecretValue(PASSWORD)})
    with SocketFarEnd(Service(clock, archive, base_path=""), name) as far_end:
        client = open_client(ClientOptions(far_end.url, 5, "icesync"))
        outcome = IceGateway(client, Session(token, clock), WireOptions(), clock).send(update)
        client.close()

    assert outcome.kind is DISTORTIONS[name].kind
    assert PASSWORD not in repr(outcome)
    assert (archive.server(Address(59, 663)) is not None) is DISTORTIONS[name].stores
