"""Use case: turn the configuration of an emulator into one that calls ICE."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

from icesync.codec.state import decode_state
from icesync.config.project import UnfitOption, read_options
from icesync.config.yaml_document import Document, SourceFile, parse_document
from icesync.engine.session import Session, hold_lock
from icesync.errors import ConfigInvalid, StateError
from icesync.frozen import frozen
from icesync.model.project import EMULATOR, VENDOR_BASE_URL, Backend

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from icesync.ports import StateStore

_VALUE: Final = re.compile(r"'[^'\n]*'|\"[^\"\n]*\"|[^\s,}]+")
_OUR_COMMENTS: Final = re.compile(
    r"[ \t]*# (?:built in; accepts|For ICE, use these|base_url: https|token: ref\+).*"
)
_PLAIN: Final = re.compile(r"[A-Za-z][\w.@+/-]*(?::\/\/[\w.@+/#%?=-]+)?", re.ASCII)
_CREDENTIAL: Final = re.compile(r"\b(?:token:[ \t]+[^\s,{}]+|login:[ \t]+\{[^{}]*\})")
_LEFT_ALONE: Final = re.compile(r"^[ \t]*(?:#.*)?\n")
_LEFT_IN_BRACES: Final = re.compile(r"^[ \t]*,[ \t]*")
_ASIDE: Final = ".icesync/emulator"
_COMPANIONS: Final = ("", ".journal", ".backup")


@frozen
class Access:
    """Who icesync acts as: a token by its reference, or a login with that of its password."""

    reference: str
    organization: int | None = None
    username: str | None = None

    @property
    def line(self) -> str:
        """The line of the configuration."""
        if self.username is None:
            return f"token: {_scalar(self.reference)}"
        return (
            f"login: {{organization: {self.organization}, username: {_scalar(self.username)}, "
            f"password: {_scalar(self.reference)}}}"
        )


def rewrite(name: str, data: bytes, access: Access | None) -> bytes:
    """
    Return *data*, the configuration *name*, with ICE's address and *access*; all else is kept.

    *access* takes the place of what is configured; without it that stays. Another
    address than the emulator's stays, too.

    Raises:
        ConfigInvalid: *access* is not valid, or the file is written in a way that only a
            person can change.

    """
    before = parse_document(SourceFile(name, data))
    api = before.data.get("api") if isinstance(before.data, dict) else None
    if not isinstance(api, dict):
        api = {}
    emulated = api.get("base_url") == EMULATOR
    wanted = {**api, "base_url": VENDOR_BASE_URL} if emulated else api
    if access is not None:
        wanted = {name: value for name, value in wanted.items() if name not in {"token", "login"}}
        wanted |= parse_document(SourceFile("", access.line.encode())).data
    if wanted == api:
        return data
    for text in _ways(data.decode("utf-8"), before, api, access):
        after = parse_document(SourceFile(name, text.encode()))
        if after.problems or after.data != {**before.data, "api": wanted}:
            continue
        try:
            read_options(after)
        except UnfitOption:
            break
        return text.encode()
    lines = [f"base_url: {wanted.get('base_url', VENDOR_BASE_URL)}"]
    lines += [access.line] if access else []
    raise ConfigInvalid(
        f"{name} cannot be changed by icesync",
        f"write under `api:` yourself: {'   and: '.join(lines)}",
    )


def _ways(
    text: str, before: Document, api: Mapping[str, object], access: Access | None
) -> Iterator[str]:
    """Yield *text* as it may be changed; what is not meant is sorted out by whoever asks."""
    replaced = access if {"token", "login"} & api.keys() else None
    added = None if replaced else access
    texts: Iterable[str] = (text,)
    if "base_url" in api and (added or api["base_url"] == EMULATOR):
        texts = _with_address(text, before, added)
    for way in texts:
        yield from _with_credentials(way, replaced) if replaced else (way,)


def _with_credentials(text: str, access: Access) -> Iterator[str]:
    """Yield *text* with *access* in the place of a token or a login, without a second one."""
    found = list(_CREDENTIAL.finditer(text))
    for first in found:
        once = text[: first.start()] + access.line + text[first.end() :]
        yield once
        for second in found:
            if second is not first:
                moved = len(once) - len(text) if first.start() < second.start() else 0
                start = second.start() + moved
                line, within = once[:start].rpartition("\n")[::2]
                left = _LEFT_ALONE if not within.strip() else _LEFT_IN_BRACES
                rest = left.sub("", once[second.end() + moved :], count=1)
                begin = f"{line}\n" if not within.strip() else once[:start]
                yield begin + rest


def _with_address(text: str, before: Document, access: Access | None) -> Iterator[str]:
    """Yield *text* with ICE's address and *access*: in block style, then in flow style."""
    place = before.position(("api", "base_url"))
    lines = text.splitlines(keepends=True)
    index, column = place.line - 1, place.column - 1
    head, rest = lines[index][:column], lines[index][column:]
    match = _VALUE.match(rest)
    if match is None:
        return
    emulated = match[0].strip("'\"") == EMULATOR
    address, rest = VENDOR_BASE_URL if emulated else match[0], rest[match.end() :]
    following = index + 1
    while following < len(lines) and _OUR_COMMENTS.fullmatch(lines[following].rstrip()):
        following += 1
    ending = re.sub(r"[ \t]*# built in; accepts.*", "", rest) if rest.strip() else rest
    indent = head[: len(head) - len(head.lstrip())]
    more = f"{indent}{access.line}\n" if access else ""
    block = f"{head}{address}{ending}"
    yield "".join([*lines[:index], block if block.endswith("\n") else f"{block}\n", more,
                   *lines[following:]])  # fmt: skip
    flow = f"{head}{address}{f', {access.line}' if access else ''}{rest}"
    yield "".join([*lines[:index], flow, *lines[index + 1 :]])


def _scalar(text: str) -> str:
    """Return *text* as a scalar of YAML that means it, within braces, too."""
    return text if _PLAIN.fullmatch(text) else json.dumps(text, ensure_ascii=False)


def set_state_aside(session: Session) -> tuple[tuple[str, str], ...]:
    """
    Move the states that describe the emulator out of the way; return from where to where.

    Only files on this disk are moved. What another target's state says is kept.

    Raises:
        StateLocked: an apply is going on.

    """
    project = session.project
    if project.state.backend is not Backend.LOCAL:
        return ()
    if project.state.per is None:
        stores = {project.state.path: session.stores.single()}
    else:
        kept = sorted(session.stores.kept())
        stores = {project.state.of(o).path: session.stores.of(o) for o in kept}
    root = Path(project.root)
    moved = []
    for name, store in stores.items():
        if _describes_the_emulator(store):
            with hold_lock(session, store, "init --go-live", 0):
                moved.append((name, _move(root, name)))
    return tuple(moved)


def _describes_the_emulator(store: StateStore) -> bool:
    try:
        data = store.read()
        return data is not None and decode_state(data).base_url == EMULATOR
    except StateError:
        return False


def _move(root: Path, name: str) -> str:
    target = f"{_ASIDE}/{Path(name).name}"
    (root / _ASIDE).mkdir(parents=True, exist_ok=True)
    for end in _COMPANIONS:
        if (root / f"{name}{end}").exists():
            (root / f"{name}{end}").replace(root / f"{target}{end}")
    return target
