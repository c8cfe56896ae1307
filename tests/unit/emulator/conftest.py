"""An emulator in memory, and a person who calls it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from fakes import FakeClock

from icesync.emulator.aspnet import Request
from icesync.emulator.faults import FaultInjector, parse_fault
from icesync.emulator.profile import parse_profile
from icesync.emulator.service import Service
from icesync.emulator.storage import Storage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from icesync.wire.reply import Reply

LOGIN = {"OrganisationID": 59, "UserName": "admin@example.org", "Password": "open sesame"}


class Caller:
    """Speaks to one service; *token* is that of its login, once it asked for one."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.token = ""

    def call(
        self, method: str, path: str, body: bytes = b"", kind: str = "application/json"
    ) -> Reply:
        """Make one call and return the reply."""
        headers = {"host": "ice.test", "content-type": kind} if kind else {"host": "ice.test"}
        if path.startswith("/_emulator/"):
            headers["x-emulator-token"] = self.service.admin_token
        return self.service.answer(Request(method, path, headers, body))

    def post(self, path: str, document: object) -> Reply:
        """Post *document* as JSON below the service's base path."""
        path = f"{self.service.base_path}{path}"
        return self.call("POST", path, json.dumps(document).encode())

    def login(self, **members: object) -> Reply:
        """Log in, with other *members* where given, and keep the token."""
        reply = self.post("/api/Authenticate/Login", LOGIN | members)
        self.token = token_in(reply)
        return reply

    def logout(self) -> Reply:
        """End the token."""
        return self.post("/api/Authenticate/Logout", {"UserId": 1, "Token": self.token})

    def update(self, **members: object) -> Reply:
        """Update server 59/663 with *members*, and the token of the login."""
        address = {"OrgId": 59, "SkillId": 663, "Token": self.token}
        return self.post("/api/EmailAdmin/UpdateEmailServer", address | members)

    def look(self, path: str) -> dict[str, object]:
        """Return a JSON view of the inspection."""
        document: dict[str, object] = json.loads(self.call("GET", f"/_emulator/{path}").body)
        return document


def token_in(reply: Reply) -> str:
    """Return the token of a login in any wording, or nothing."""
    try:
        document = json.loads(reply.body)
    except ValueError:
        return ""
    [members] = document if isinstance(document, list) else [document]
    return str({name.strip(): value for name, value in members.items()}.get("Token", ""))


@pytest.fixture
def clock() -> FakeClock:
    """A clock that stands still."""
    return FakeClock()


@pytest.fixture
def archive() -> Iterator[Storage]:
    """An archive in memory."""
    archive = Storage()
    yield archive
    archive.close()


@pytest.fixture
def caller(clock: FakeClock, archive: Storage) -> Caller:
    """A caller of a service as it comes, already logged in."""
    caller = Caller(Service(clock, archive))
    caller.login()
    return caller


@pytest.fixture
def stranger(clock: FakeClock, archive: Storage) -> Caller:
    """A caller of a service with one user, not logged in."""
    return Caller(Service(clock, archive, users={"admin@example.org": "open sesame"}))


@pytest.fixture
def faulty(clock: FakeClock, archive: Storage) -> Callable[..., Caller]:
    """What makes a caller, logged in, of a service with these faults."""

    def make(*faults: str) -> Caller:
        caller = Caller(Service(clock, archive, injector=FaultInjector(map(parse_fault, faults))))
        caller.login()
        return caller

    return make


@pytest.fixture
def profiled(clock: FakeClock, archive: Storage) -> Callable[..., Caller]:
    """What makes a caller of a service with these profile settings, not logged in."""

    def make(*settings: str) -> Caller:
        return Caller(Service(clock, archive, profile=parse_profile(settings)))

    return make
