"""The rules that need what only a plan knows: secrets, and what would change."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from icesync.codec.secret_checks import equals, fits_form, group_equal, length, secret_issue
from icesync.config.rules.base import UnplacedFinding, Violation
from icesync.model.fields import INCOMING_BLOCKS
from icesync.model.plan import Action
from icesync.model.presets import preset_of
from icesync.model.project import Guard
from icesync.planner.policy import disables

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from icesync.codec.fingerprint import FingerprintKey
    from icesync.engine.secret_resolution import Resolution
    from icesync.model.desired import DesiredServer, DesiredState
    from icesync.model.plan import Plan
    from icesync.model.presets import Preset
    from icesync.model.secret import SecretValue

__all__ = ["check_changes", "check_secrets", "check_shared"]


def check_secrets(desired: DesiredState, resolution: Resolution) -> Iterator[UnplacedFinding]:
    """Yield what ICE405 and ICE407 say about the secrets that were seen."""
    odd = {
        text: found for text, value in resolution.values.items() if (found := secret_issue(value))
    }
    known: dict[tuple[str, object, str], Preset | None] = {}
    for server in desired.servers.values():
        settings, presets = server.settings, server.presets
        for key, reference in server.secrets.items():
            if reference.text in odd:
                told = f"the secret of `{key}` {odd[reference.text]}"
                hint = "it is sent as it is; correct it where it is kept"
                yield UnplacedFinding(server, "ICE405", Violation(key, told, hint))
            block = key.partition(".")[0]
            host = settings.get(f"{block}.host")
            asked = block, host, presets.get(block, "")
            if asked not in known:
                known[asked] = preset_of(block, None if host is None else str(host), asked[2])
            preset, value = known[asked], resolution.values.get(reference.text)
            if preset is not None and value is not None:
                yield from _fits_provider(server, key, preset, value)


_TOKEN: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
"""A server's token at Postmark, as a user name; an access key has another form."""


def _fits_provider(
    server: DesiredServer, key: str, preset: Preset, value: SecretValue
) -> Iterator[UnplacedFinding]:
    """Yield where *value* has not the form of the provider's passwords; tells lengths only."""
    form = preset.form
    if form is not None and not fits_form(value, form.pattern):
        told = f"{preset.name} needs an app password ({form.words})"
        message = f"`{key}`: {told}; this secret has {length(value)} characters"
        yield UnplacedFinding(server, "ICE407", Violation(key, message, f"login: {preset.login}"))
    user = server.settings.get(f"{key.partition('.')[0]}.username")
    if preset.token_twice and _TOKEN.fullmatch(str(user)) and not equals(value, str(user)):
        message = f"`{key}`: {preset.name} takes the server's token as user name and as password"
        yield UnplacedFinding(server, "ICE407", Violation(key, message, f"login: {preset.login}"))


def check_shared(
    desired: DesiredState, resolution: Resolution, key: FingerprintKey
) -> Iterator[UnplacedFinding]:
    """Yield what ICE408 says: references that lead to one password, told at their first server."""
    places: dict[str, list[tuple[DesiredServer, str]]] = {}
    for _, server in sorted(desired.servers.items()):
        for name, reference in server.secrets.items():
            places.setdefault(reference.text, []).append((server, name))
    seen = {text: value for text, value in resolution.values.items() if text in places}
    for texts in group_equal(seen, key):
        server, name = places[texts[0]][0]
        others = sum(len(places[text]) for text in texts) - 1
        where = "one other place" if others == 1 else f"{others} other places"
        told = f"`{name}` is the same password as at {where}, by another reference"
        yield UnplacedFinding(
            server, "ICE408", Violation(name, told, "a rotation must hit all of them")
        )


def check_changes(
    made: Plan, desired: DesiredState, guards: Collection[Guard]
) -> Iterator[UnplacedFinding]:
    """Yield what ICE207 and ICE209 say about the updates of *made*."""
    for change in made.changes:
        server = desired.servers.get(change.address)
        if server is None or change.action is not Action.UPDATE:
            continue
        if disables(change) and Guard.DISABLED not in guards:
            told = f"mail of skill {change.address.skill} will stop"
            yield UnplacedFinding(server, "ICE207", Violation("status", told))
        incoming = server.settings.get("incoming")
        unused = next((block for block in INCOMING_BLOCKS if block != incoming), "")
        if any(f.key.startswith(f"{unused}.") for f in change.fields):
            told = f"`{unused}` is not in use, and changes too: a call replaces the whole record"
            yield UnplacedFinding(server, "ICE209", Violation(unused, told))
