"""
Explanations, for people and as data: of a server, a setting, a rule, a mail provider.

One server: its effective values, each with the line and the layer that gave it.
One setting: the whole chain, what a call carries of it, and whose word that is.
A rule: a page, or all of them in a list. A mail provider: hosts, ports, encryption,
login, and who says so.
"""

from __future__ import annotations

import difflib
import json
import textwrap
from typing import TYPE_CHECKING, Final, cast

from icesync.config.rules import RULES
from icesync.diagnostics import Rule, Severity, SourcePosition
from icesync.model.explanation import AddressState, Explanation, FieldExplanation, Topic
from icesync.model.fields import Role, Setting
from icesync.model.presets import Offer, Preset, find_preset
from icesync.model.secret import SecretRef
from icesync.render.style import Style, age, quote, safe

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime

    from icesync.model.desired import Given, Move
    from icesync.render import documents

_ALIGNED: Final = 44
"""Places line up behind values of up to so many columns."""


def render_explanation(explanation: Explanation, now: datetime, style: Style) -> str:
    """Return the effective document of one server, or what is left of one."""
    place = _place(explanation.position, style)
    lines = [f"{style.paint(_title(explanation), 'bold')}{'  ' if place else ''}{place}"]
    defined = explanation.standing is AddressState.DEFINED
    rows = [
        (safe(f.field.key), *_effective(f, style))
        for f in explanation.fields
        if f.field.role is not Role.ADDRESS and (f.given if defined else f.known is not None)
    ]
    lines += [f"    {line}" for line in _columns(rows)]
    lines += ["", *_standing(explanation, now, style)]
    return "\n".join(lines) + "\n"


def _title(explanation: Explanation) -> str:
    address = str(explanation.address)
    return f"{address} {quote(explanation.name)}" if explanation.name else address


def _effective(field: FieldExplanation, style: Style) -> tuple[str, str]:
    given = field.given
    if given is None:
        return _value(field.known, secret=field.field.secret), ""
    return _value(given.value), f"{_place(given.position, style)}  {given.layer}"


def _columns(rows: Sequence[tuple[str, str, str]]) -> Iterator[str]:
    """Yield *rows* of three columns; a long value pushes only its own place to the right."""
    keys = max((len(key) for key, _, _ in rows), default=0)
    values = min(max((len(value) for _, value, _ in rows), default=0), _ALIGNED)
    for key, value, rest in rows:
        yield f"{key:<{keys}}  {value:<{values}}  {rest}".rstrip()


def _standing(explanation: Explanation, now: datetime, style: Style) -> Iterator[str]:
    """Yield sentences: how the files move or end it, and what ICE acknowledged."""
    address, removal = explanation.address, explanation.removal
    if explanation.move is not None:
        yield _moving(explanation.move, explanation, style)
    if removal is not None:
        yield f"Listed under `removed:` with the action {removal.action}."
    elif explanation.standing is AddressState.NOT_IN_FILES:
        yield (
            f"No longer in any file; left unchanged. List skill {address.skill} under "
            "`removed:` to disable or forget it."
        )
    yield _memory(explanation, now)


def _moving(move: Move, explanation: Explanation, style: Style) -> str:
    place = style.place(move.position)
    if not explanation.open:
        return f"The move from {move.source} to {move.address} is done ({place})."
    if explanation.address == move.address:
        return f"Moves here from {move.source} with the next apply ({place})."
    return f"Moves to {move.address} with the next apply ({place}); ICE keeps the record here."


def _memory(explanation: Explanation, now: datetime) -> str:
    entry = explanation.entry
    if entry is None:
        if explanation.standing is AddressState.DEFINED:
            return "Nothing has been confirmed yet; the next apply sends it for the first time."
        return "It is not in the state; this entry is done and can be deleted."
    if entry.uncertain:
        return "The outcome of the last call is unknown; the next apply sends it again."
    acknowledged = f"ICE confirmed it {age(entry.applied_at, now)}"
    if entry.assumed:
        acknowledged = "Recorded as unconfirmed"
    if explanation.standing is not AddressState.DEFINED:
        return f"{acknowledged}, with these values."
    other = [f.field.key for f in explanation.fields if _differs(f)]
    if not other:
        return f"{acknowledged}, with these settings. Run `icesync plan` to compare the passwords."
    return (
        f"{acknowledged}, with other values of {', '.join(other)}. Run `icesync plan` for details."
    )


def _differs(field: FieldExplanation) -> bool:
    if field.field.role in {Role.ADDRESS, Role.LABEL}:
        return False
    return _plain(field.given.value if field.given else None) != field.known


def render_field(explanation: Explanation, key: str, now: datetime, style: Style) -> str:
    """Return the whole chain of the setting *key*, what is sent of it, and its source."""
    found = _find(explanation, key)
    value = _value(found.given.value) if found.given else "(not given)"
    head = f"{explanation.address} {key}"
    lines = [f"{style.paint(f'{head} = {value}', 'bold')}", f"    {found.field.meaning}", ""]
    lines += [f"    {line}" for line in _columns(_chain(found.chain, style))]
    if found.chain:
        lines.append("")
    for name, message in _facts(found, explanation, now):
        label = style.paint(f"{name + ':':<13}", "dim")
        lines.append(f"    {label}  {message}")
    return "\n".join(lines) + "\n"


def _chain(chain: Sequence[Given], style: Style) -> list[tuple[str, str, str]]:
    return [
        (
            _value(given.value),
            style.place(given.position),
            f"{given.layer}{style.paint(', overridden', 'dim') if number else ''}",
        )
        for number, given in enumerate(chain)
    ]


def _facts(
    field: FieldExplanation, explanation: Explanation, now: datetime
) -> Iterator[tuple[str, str]]:
    row, entry = field.field, explanation.entry
    if explanation.standing is AddressState.DEFINED:
        yield "sent as", _sent(field)
    yield "source", ", ".join(row.sources)
    if row.note:
        yield "note", row.note
    if entry is not None and row.role not in {Role.ADDRESS, Role.LABEL}:
        message = "(not given)" if field.known is None else _value(field.known, secret=row.secret)
        if entry.assumed:
            yield "unconfirmed", message
        else:
            yield "confirmed", f"{message}, {age(entry.applied_at, now)}"


def _sent(field: FieldExplanation) -> str:
    if not field.field.wire:
        return "never sent"
    if not field.members:
        return "omitted, because it is not given"
    sensitive = field.field.secret and field.given is not None
    return ", ".join(
        f'"{name}": {"(sensitive)" if sensitive else safe(json.dumps(value, ensure_ascii=False))}'
        for name, value in field.members.items()
    )


def _find(explanation: Explanation, key: str) -> FieldExplanation:
    return next(found for found in explanation.fields if found.field.key == key)


def _place(position: SourcePosition | None, style: Style) -> str:
    if position is None:
        return ""
    return style.paint(style.place(position), "dim")


def _value(value: Setting | SecretRef | None, *, secret: bool = False) -> str:
    if isinstance(value, SecretRef) or secret:
        return safe(str(value))
    if isinstance(value, bool):
        return "true" if value else "false"
    return quote(value) if isinstance(value, str) else safe(str(value))


def _plain(value: Setting | SecretRef | None) -> Setting | None:
    return value.text if isinstance(value, SecretRef) else value


def explanation_document(explanation: Explanation) -> documents.ServerExplained:
    """Return the explanation of a server as plain data."""
    entry, removal, move = explanation.entry, explanation.removal, explanation.move
    return {
        **_head(explanation),
        "name": explanation.name,
        "standing": explanation.standing,
        "position": _plain_position(explanation.position),
        "removal": removal.action.value if removal else None,
        "moved_from": str(move.source) if move else None,
        "moved_to": str(move.address) if move else None,
        "status": entry.status if entry else None,
        "applied_at": entry.applied_at if entry else None,
        "fields": [_plain_field(field) for field in explanation.fields],
    }


def field_document(explanation: Explanation, key: str) -> documents.SettingExplained:
    """Return the explanation of one setting as plain data."""
    return {**_head(explanation), **_plain_field(_find(explanation, key))}


def _head(explanation: Explanation) -> documents.ExplanationHead:
    return {
        "format_version": "1.0",
        "kind": "icesync-explanation",
        "address": str(explanation.address),
    }


def _plain_field(field: FieldExplanation) -> documents.FieldExplained:
    row, given = field.field, field.given
    return {
        "key": row.key,
        "value": _plain(given.value) if given else None,
        "sensitive": row.secret,
        "chain": [
            {
                "layer": step.layer,
                "value": _plain(step.value),
                "position": _plain_position(step.position),
            }
            for step in field.chain
        ],
        "sent": dict(field.members),
        "sources": list(row.sources),
        "meaning": row.meaning,
        "note": row.note,
        "confirmed": field.known,
    }


def _plain_position(position: SourcePosition | None) -> documents.Position | None:
    if position is None:
        return None
    return {"file": position.file, "line": position.line, "column": position.column}


_COLOURS: Final = {Severity.ERROR: "red", Severity.WARNING: "yellow", Severity.INFO: "blue"}
_WIDTH: Final = 88
_LABEL: Final = 9
"""The column where the text behind a label starts."""


def near_rules(text: str) -> str:
    """Return the rules whose id is near *text*, as a phrase; empty if there are none."""
    return " or ".join(difflib.get_close_matches(text.upper(), RULES, n=3, cutoff=0.7))


def render_rules(rules: Iterable[Rule], style: Style) -> str:
    """Return a line for each rule: id, weight, title."""
    return "".join(
        f"{style.paint(rule.id, 'bold')}  {_weight(rule, style)}  {rule.title}\n" for rule in rules
    )


def rules_document(rules: Iterable[Rule]) -> documents.Rules:
    """Return *rules* as plain data."""
    return {
        "kind": "icesync-rules",
        "format_version": "1.0",
        "rules": [
            {
                "id": rule.id,
                "severity": rule.severity.value,
                "title": rule.title,
                "what": rule.what,
                "why": rule.why,
                "before": rule.before or None,
                "after": rule.after or None,
                "source": rule.source,
                "suppressible": rule.suppressible,
            }
            for rule in rules
        ],
    }


def render_topic_list(topics: Sequence[Topic], style: Style) -> str:
    """Return a line for each page of the reference, and what else can be explained."""
    width = max(len(topic.name) for topic in topics)
    lines = (
        f"{style.paint(f'{topic.name:<{width}}', 'bold')}  {topic.title}\n" for topic in topics
    )
    return (
        f"{''.join(lines)}\nAlso: an address (59/663), a setting of it (59/663 smtp.port), a rule "
        "(ICE303),\na mail provider (gmail, web.de), or one entry of a topic (host-change, "
        "api.timeout_s).\n"
    )


def render_topic(topic: Topic, style: Style) -> str:
    """Return a page of the reference: each name, then its sentence."""
    longest = max(len(row.name) for row in topic.entries)
    aside = longest + 2 <= _NAMES
    margin = longest + 2 if aside else 4
    width = min(style.width or _WIDTH, _WIDTH) - margin
    lines = [style.paint(topic.title, "bold"), ""]
    for row in topic.entries:
        wrapped = textwrap.wrap(row.text, width, break_long_words=False, break_on_hyphens=False)
        first, *rest = wrapped if aside else ("", *wrapped)
        head = f"{row.name:<{longest}}  " if aside else row.name
        lines.append(f"{style.paint(head, 'cyan')}{first}".rstrip())
        lines += [f"{' ' * margin}{line}" for line in rest]
    return "".join(f"{line}\n" for line in lines)


_NAMES: Final = 28
"""Names up to so wide stand beside their sentences, longer ones above them."""


def topics_document(topics: Sequence[Topic]) -> documents.Topics:
    """Return *topics* as plain data."""
    return {
        "kind": "icesync-topics",
        "format_version": "1.0",
        "topics": [
            {
                "name": topic.name,
                "title": topic.title,
                "entries": [{"name": row.name, "text": row.text} for row in topic.entries],
            }
            for topic in topics
        ],
    }


def _weight(rule: Rule, style: Style) -> str:
    return style.paint(f"{rule.severity:<7}", _COLOURS[rule.severity])


def render_rule(rule: Rule, style: Style) -> str:
    """Return what *rule* looks at, why, an example, and what can be done about a finding."""
    head = f"{style.paint(rule.id, 'bold')}  {_weight(rule, style).rstrip()}: {rule.title}\n"
    parts = [head, _paragraph("What", rule.what, style), _paragraph("Why", rule.why, style)]
    if rule.before:
        parts.append(_example("Before", rule.before, "red", style))
        parts.append(_example("After", rule.after, "green", style))
    parts.append("".join(_ways_out(rule, style)) + _paragraph("Source", rule.source, style))
    return "\n".join(parts)


def _paragraph(label: str, text: str, style: Style) -> str:
    width = min(style.width or _WIDTH, _WIDTH)
    lines = textwrap.wrap(text, width - _LABEL, break_long_words=False, break_on_hyphens=False)
    painted = style.paint(label, "cyan") + " " * (_LABEL - len(label))
    return painted + f"\n{' ' * _LABEL}".join(map(safe, lines)) + "\n"


def _example(label: str, text: str, colour: str, style: Style) -> str:
    lines = "".join(f"    {style.paint(safe(line), colour)}\n" for line in text.splitlines())
    return f"{style.paint(label, 'cyan')}\n{lines}"


def _ways_out(rule: Rule, style: Style) -> Iterator[str]:
    if not rule.suppressible:
        yield _paragraph(
            "Suppress", "not possible: this rule cannot be suppressed, turned off or lowered", style
        )
        return
    yield _paragraph("Suppress", f"# icesync: allow {rule.id} reason", style)
    yield _below("at the end of the line, above it on a line of its own, or at the file's top")
    yield _paragraph("Severity", f"rules: {{{rule.id}: off}}", style)
    yield _below("in icesync.yaml: off, info, warning or error")


def _below(text: str) -> str:
    return f"{' ' * _LABEL}{text}\n"


_PROVIDER_LABEL: Final = 10
"""The column where the text behind a label starts."""
_ENCRYPTION: Final = {"implicit": "TLS", "starttls": "STARTTLS", "none": "no encryption"}


def render_providers(providers: Sequence[Preset], style: Style) -> str:
    """Return a page for each of *providers*."""
    return "\n".join(_render(preset, style) for preset in providers)


def _render(preset: Preset, style: Style) -> str:
    lines = [f"{style.paint(safe(preset.name), 'bold')}  {safe(preset.title)}", ""]
    for label, text in _provider_facts(preset):
        width = min(style.width or _WIDTH, _WIDTH) - _PROVIDER_LABEL
        wrapped = textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False)
        painted = style.paint(label, "cyan") + " " * (_PROVIDER_LABEL - len(label))
        lines.append(painted + f"\n{' ' * _PROVIDER_LABEL}".join(map(safe, wrapped)))
    return "\n".join(lines) + "\n"


def _provider_facts(preset: Preset) -> Iterator[tuple[str, str]]:
    for block, offer in preset.offers.items():
        yield block.upper(), f"{offer.host}, {_ports(offer)}"
        if offer.also:
            yield "", f"also {', '.join(offer.also)}"
        if offer.refuses:
            yield "", f"passwords are refused: {offer.refuses}"
        if offer.ends:
            yield "", f"passwords: {offer.ends}"
    if not preset.complete:
        yield "", "There may be other ports; these are the ones in the source."
    yield "Login", preset.login
    yield "Preset", f"preset: {preset.name}" if _is_preset(preset) else "none; set host and port"
    yield "Source", preset.source
    yield "Checked", preset.checked or "no date recorded"


def _ports(offer: Offer) -> str:
    ports = [f"{port} ({_ENCRYPTION[offer.mode(port)]})" for port in offer.ports]
    return f"port {' or '.join(ports)}"


def _is_preset(preset: Preset) -> bool:
    return find_preset(preset.name) == preset


def providers_document(providers: Sequence[Preset]) -> documents.Providers:
    """Return *providers* as plain data."""
    return {
        "kind": "icesync-providers",
        "format_version": "1.0",
        "providers": [_plain_provider(preset) for preset in providers],
    }


def _plain_provider(preset: Preset) -> documents.ProviderExplained:
    return {
        "name": preset.name,
        "title": preset.title,
        "preset": _is_preset(preset),
        "servers": [_server(block, offer) for block, offer in preset.offers.items()],
        "all_ports": preset.complete,
        "login": preset.login,
        "username": preset.user or None,
        "relay": preset.relay,
        "source": preset.source,
        "checked": preset.checked or None,
    }


def _server(block: str, offer: Offer) -> documents.ServerOffered:
    plain = {
        "protocol": block,
        "host": offer.host,
        "other_hosts": list(offer.also),
        "ports": [{"port": port, "encryption": offer.mode(port)} for port in offer.ports],
        "passwords_refused": offer.refuses or None,
        "passwords_end": offer.ends or None,
    }
    return cast("documents.ServerOffered", plain)
