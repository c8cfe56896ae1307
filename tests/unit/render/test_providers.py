from __future__ import annotations

import jsonschema
import pytest

from icesync.model.presets import Preset, find_preset, known_providers
from icesync.render.documents import DOCUMENTS
from icesync.render.explain import providers_document, render_providers
from icesync.render.style import Style

KNOWN = known_providers()


@pytest.mark.parametrize("provider", KNOWN.values(), ids=KNOWN)
def test_nothing_is_left_out(provider: Preset) -> None:
    """The page names every host and port, the login, the source and the day of each provider."""
    page = " ".join(render_providers([provider], Style()).split())

    for offer in provider.offers.values():
        assert {offer.host, *offer.also} <= {*page.replace(",", " ").split()}
        assert all(f"{port} (" in page for port in offer.ports)
        assert offer.refuses in page
        assert offer.ends in page
    assert provider.login in page
    assert provider.source in page
    assert (provider.checked or "no date recorded") in page


def test_document_obeys_its_schema() -> None:
    """A program may rely on the schema for every provider."""
    document = providers_document(list(KNOWN.values()))

    jsonschema.validate(document, DOCUMENTS["providers"])


def test_preset_is_said_only_where_there_is_one() -> None:
    """Whoever copies the line with the preset gets what the page shows."""
    for row in providers_document(list(KNOWN.values()))["providers"]:
        assert row["preset"] == (find_preset(row["name"]) is not None)
