"""What ``explain`` does for an address, a rule or a mail provider: find it, and write it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from icesync.engine.explain import explain, explain_provider, find_field, rules
from icesync.engine.state_operations import StateView, read_address, read_state
from icesync.engine.topics import find_topic, topics
from icesync.engine.validate import check_files
from icesync.errors import StateMissing, UsageError, printable
from icesync.model.snapshot import Snapshot
from icesync.render.explain import (
    explanation_document,
    field_document,
    near_rules,
    providers_document,
    render_explanation,
    render_field,
    render_providers,
    render_rule,
    render_rules,
    render_topic,
    render_topic_list,
    rules_document,
    topics_document,
)

if TYPE_CHECKING:
    from icesync.cli.console import Console
    from icesync.cli.options import Common
    from icesync.engine.session import Session


def is_rule(topic: str) -> bool:
    """Return whether *topic* is meant as the id of a rule."""
    word = topic.lower()
    return word == "rules" or (word.startswith("ice") and not word.startswith("icesync"))


def is_provider(topic: str) -> bool:
    """Return whether *topic* is meant as a mail provider: an address begins with a number."""
    return not topic.partition("/")[0].strip().isdigit() and any(map(str.isalpha, topic))


def show_providers(common: Common, topic: str, *, as_json: bool) -> None:
    """
    Write what the mail providers offer that *topic* means.

    Raises:
        UsageError: there is none.

    """
    found, console = explain_provider(topic), common.console
    if as_json:
        console.document(providers_document(found))
    else:
        console.data(render_providers(found, console.style))


def explain_rule(common: Common, topic: str, *, as_json: bool) -> None:
    """
    Write what the rule *topic* means; ``rules`` means all of them, a line each.

    Raises:
        UsageError: there is no such rule.

    """
    console, known = common.console, rules()
    found = known.values() if topic == "rules" else (known.get(topic.upper()),)
    shown = [rule for rule in found if rule is not None]
    if not shown:
        near = near_rules(topic)
        hint = f"did you mean {near}?" if near else "run `icesync explain rules` for a list"
        raise UsageError(f"unknown rule {printable(topic)}", hint)
    if as_json:
        console.document(rules_document(shown))
    elif topic == "rules":
        console.data(render_rules(shown, console.style))
    else:
        console.data(render_rule(shown[0], console.style))


def explain_topic(common: Common, topic: str | None, *, as_json: bool) -> bool:
    """Write the page of the reference that *topic* names, or all their names; return if it did."""
    console = common.console
    found = topics() if topic is None else tuple(filter(None, [find_topic(topic)]))
    if found and as_json:
        console.document(topics_document(found))
    elif found:
        render = render_topic_list(found, console.style) if topic is None else ""
        console.data(render or render_topic(found[0], console.style))
    return bool(found)


def explain_server(common: Common, address: str, field: str | None, *, as_json: bool) -> None:
    """
    Write where the values of *address* come from, of one *field* if it is named.

    Raises:
        UsageError: neither files nor snapshot know the address, or the field is none.
        ConfigInvalid: the files have errors; what could be explained was.

    """
    wanted, key = read_address(address), find_field(field).key if field else None
    session, console = common.open(), common.console
    validation = check_files(session.project, session.providers)
    own = session.project.state.per is not None
    state = _state(session, console, wanted.organization if own else None)
    desired = validation.desired
    if wanted not in desired.servers and wanted not in desired.removals:
        validation.require()  # it may stand in what could not be read
    found = explain(wanted, desired, state.snapshot, session.project.api.wire)
    if as_json:
        console.document(field_document(found, key) if key else explanation_document(found))
    else:
        now, style = state.now, console.style
        message = (
            render_field(found, key, now, style) if key else render_explanation(found, now, style)
        )
        console.data(message)
    validation.require()


def _state(session: Session, console: Console, organization: int | None) -> StateView:
    """Return the state, or an empty one with a note where it is not there: values are in files."""
    try:
        return read_state(session, organization, console.note)
    except StateMissing as error:
        console.talk(f"note: {error.message}")
        return StateView("", Snapshot(session.project.api.base_url), session.clock.now())
