"""State servers on loopback: Terraform's HTTP protocol, GitLab's form of it, S3 and Google's."""

from __future__ import annotations

import hashlib
import json
import re
import threading
from base64 import b64decode, b64encode
from dataclasses import dataclass, field
from http.client import HTTPConnection
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, unquote, urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    import pytest

__all__ = [
    "DishonestProxy",
    "FakeBucket",
    "FakeGitLab",
    "FakeStateServer",
    "aim_at",
    "aim_at_google",
]

_KEYS = ("ID", "Operation", "Info", "Who", "Version", "Created", "Path")


@dataclass
class FakeStateServer:
    """
    A server of Terraform's HTTP protocol, at ``/state`` with its lock at ``/lock``.

    *trouble* may answer instead, after the request has had its effect or before
    (``before`` says which): it is asked with method and path.
    """

    data: bytes = b""
    lock: dict[str, Any] | None = None
    user: str = "icesync:letmein"
    held_status: int = 423
    asked: list[str] = field(default_factory=list)
    trouble: Callable[[str, str], tuple[int, Any] | None] = lambda *_: None
    before: bool = False

    lock_method, unlock_method = "LOCK", "UNLOCK"

    def answer(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes
    ) -> tuple[int, Any]:
        """Return what the server answers."""
        parts = urlsplit(target)
        self.asked.append(f"{method} {parts.path}")
        if headers.get("Authorization") != f"Basic {b64encode(self.user.encode()).decode()}":
            return 401, {"message": "401 Unauthorized"}
        trouble = self.trouble(method, parts.path)
        if trouble is not None and self.before:
            return trouble
        if body:
            given = b64decode(headers["Content-MD5"])
            assert given == hashlib.md5(body).digest()  # noqa: S324 - the protocol's own
        reply = self.act(method, parts.path, parse_qs(parts.query), body)
        return reply if trouble is None else trouble

    def act(
        self, method: str, path: str, query: dict[str, list[str]], body: bytes
    ) -> tuple[int, Any]:
        """Do what is asked."""
        if path.endswith("/lock"):
            return self.lock_it(method, query, json.loads(body))
        if method == "GET":
            return (200, self.data) if self.data else (404, b"")
        if self.lock is None or query.get("ID") != [self.lock["ID"]]:
            return 409, b"not your lock"
        return self.store(body)

    def store(self, body: bytes) -> tuple[int, Any]:
        """Keep *body*."""
        self.data = body
        return 200, b""

    def lock_it(
        self, method: str, query: dict[str, list[str]], document: dict[str, Any]
    ) -> tuple[int, Any]:
        """Lock or unlock."""
        assert all(isinstance(document[key], str) for key in _KEYS)
        if method == self.lock_method:
            if self.lock is not None:
                return self.held_status, self.held_by(document)
            self.lock = document
            return 200, b""
        assert method == self.unlock_method
        if self.lock is None or self.lock["ID"] != document["ID"]:
            return 409, b"not your lock"
        assert query == {"ID": [document["ID"]]}
        self.lock = None
        return 200, b""

    def held_by(self, _asking: dict[str, Any]) -> Any:
        """Return what is said of the holder."""
        return self.lock


@dataclass
class FakeGitLab(FakeStateServer):
    """GitLab's form of the protocol: other methods, serials that are never written twice."""

    user: str = "gitlab-ci-token:job-token"
    held_status: int = 409
    serials: set[int] = field(default_factory=set)

    lock_method, unlock_method = "POST", "DELETE"

    def store(self, body: bytes) -> tuple[int, Any]:
        """Keep *body* under its serial; a row that exists holds its file for good."""
        document = json.loads(body)
        assert not {"ID", "id", "name"} & document.keys()
        if document["serial"] in self.serials:
            return 422, {"message": "Version has already been taken"}
        self.serials.add(document["serial"])
        return super().store(body)

    def held_by(self, asking: dict[str, Any]) -> Any:
        """Mix the holder's name with what the asking one sent, as GitLab does."""
        assert self.lock is not None
        return {**asking, **{key: self.lock[key] for key in ("ID", "Who", "Created")}}


@dataclass
class FakeBucket:
    """A bucket of S3 that keeps its conditions (``If-Match``, ``If-None-Match``)."""

    objects: dict[str, bytes] = field(default_factory=dict)
    _one_at_a_time: threading.Lock = field(default_factory=threading.Lock)

    def answer(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes
    ) -> tuple[int, Any, dict[str, str]]:
        """Return what the bucket answers."""
        path = urlsplit(target).path
        with self._one_at_a_time:
            found = self.objects.get(path)
            tag = f'"{hashlib.sha256(found).hexdigest()}"' if found is not None else None
            if method == "PUT":
                wanted = headers.get("If-Match")
                if wanted not in {None, tag} or (headers.get("If-None-Match") and tag):
                    return 412, b"", {}
                self.objects[path] = body
                return 200, b"", {"ETag": f'"{hashlib.sha256(body).hexdigest()}"'}
            if method == "POST":  # DeleteObjects: the keys in a document
                keys = re.findall(rb"<Key>([^<]*)</Key>", body)
                for key in keys:
                    self.objects.pop(f"{path.rstrip('/')}/{key.decode()}", None)
                told = b"".join(b"<Deleted><Key>%s</Key></Deleted>" % key for key in keys)
                return 200, b"<DeleteResult>%s</DeleteResult>" % told, {}
            if found is None:
                return 404, b"<Error><Code>NoSuchKey</Code></Error>", {}
            day = {"ETag": str(tag), "Last-Modified": "Thu, 01 Jan 2026 00:00:00 GMT"}
            return 200, found, day


@dataclass
class DishonestProxy:
    """
    Stands before an honest S3 at *address* and spoils what it promises.

    One that *ignores* conditions takes every write, as some stores do that look
    like S3; one that *loses* says yes to a snapshot and keeps the one before;
    one with *status* answers every request so.
    """

    address: str
    ignores: bool = False
    loses: bool = False
    status: int | None = None
    throttles: Callable[..., bool] = lambda *_: False

    def answer(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes
    ) -> tuple[int, Any, dict[str, str]]:
        """Return what the store answers, spoilt."""
        if self.status is not None:
            return self.status, b"", {}
        if self.throttles(method, target):
            return 429, b"", {}
        spoilt = ("if-match", "if-none-match", "content-length") if self.ignores else ()
        passed = {k: v for k, v in headers.items() if k.lower() not in spoilt}
        if self.loses and method == "PUT" and ".json.probe" not in target and ".lock" not in target:
            return 200, b"", {"ETag": '"kept"'}
        connection = HTTPConnection(urlsplit(self.address).netloc)
        try:
            connection.request(method, target, body, passed)
            reply = connection.getresponse()
            kept = {k: v for k, v in reply.getheaders() if k in {"ETag", "Last-Modified"}}
            return reply.status, reply.read(), kept
        finally:
            connection.close()


def aim_at(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the next store talk to the S3 at *address*."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    monkeypatch.setenv("AWS_ENDPOINT_URL", address)


@dataclass
class FakeGoogleStorage:
    """
    Google's XML API for objects, with its limit: one change a second to one object.

    By its reference (cloud.google.com/storage/docs: "Request preconditions", "Quotas and
    limits"): a generation names a version, 0 that there is none; a create, an update and a
    delete count as changes; what comes too soon is answered with 429. *now* gives seconds.
    """

    now: Callable[[], float]
    bucket: str = "icesync-states"
    limit_s: float = 1.0
    objects: dict[str, tuple[int, bytes]] = field(default_factory=dict)
    throttled: int = 0
    _changed: dict[str, float] = field(default_factory=dict)
    _generation: int = 1_700_000_000_000_000

    def answer(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes
    ) -> tuple[int, Any, dict[str, str]]:
        """Return what Google answers."""
        bucket, _, name = unquote(urlsplit(target).path).lstrip("/").partition("/")
        if bucket != self.bucket:
            return _told(404, "NoSuchBucket", "The specified bucket does not exist.")
        generation, data = self.objects.get(name, (0, b""))
        if method in {"GET", "HEAD"}:
            if not generation:
                return _told(404, "NoSuchKey", "The specified key does not exist.")
            return 200, data, _tags(generation)
        wanted = headers.get("x-goog-if-generation-match")
        if wanted is not None and int(wanted) != generation:
            return _told(412, "PreconditionFailed", "At least one of the conditions did not hold.")
        return self._change(method, name, body)

    def _change(self, method: str, name: str, body: bytes) -> tuple[int, Any, dict[str, str]]:
        if method == "DELETE" and name not in self.objects:
            return _told(404, "NoSuchKey", "The specified key does not exist.")
        if self.now() - self._changed.get(name, -self.limit_s) < self.limit_s:
            self.throttled += 1
            return _told(429, "SlowDown", "The object exceeded the rate limit for mutations.")
        self._changed[name] = self.now()
        if method == "DELETE":
            del self.objects[name]
            return 204, b"", {}
        self._generation += 1
        self.objects[name] = (self._generation, body)
        return 200, b"", _tags(self._generation)


def _tags(generation: int) -> dict[str, str]:
    return {
        "ETag": f'"{generation:x}"', "x-goog-generation": str(generation),
        "Last-Modified": "Thu, 01 Jan 2026 00:00:00 GMT",
    }  # fmt: skip


def _told(status: int, code: str, message: str) -> tuple[int, Any, dict[str, str]]:
    text = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>{message}</Message></Error>"
    return status, text.encode(), {}


def aim_at_google(address: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the next store talk to the stand-in at *address*; its key file is put in *folder*."""
    key = folder / "google.json"
    names = ("private_key", "private_key_id", "client_email")
    document = {"gcs_base_url": address, "disable_oauth": True, **dict.fromkeys(names, "")}
    key.write_text(json.dumps(document))
    monkeypatch.setenv("GOOGLE_SERVICE_ACCOUNT", str(key))
    monkeypatch.setenv("GOOGLE_BASE_URL", address)
