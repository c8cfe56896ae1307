"""What `host-change` stands on outlives the server: two harmless changes carry no password off."""

from __future__ import annotations

from json import dumps, loads

import pytest
from rig import Repository, assert_refused

from icesync.codec import canonical, digest

PARTS = '{per: organization, path: "state/{organization}"}'
FORGET = "removed: [{skill: 663, action: forget}]\n"
DISABLE = "removed: [{skill: 663, action: disable}]\n"
SENTENCE = "would go to smtp.attacker.test instead of smtp.example.org"


def forget(repository: Repository, way: str) -> None:
    """Let the only server go, by one of the ways there are."""
    repository.servers([], {"forget": FORGET, "disable": DISABLE}.get(way, ""))
    if way == "state rm":
        assert repository.run("state", "rm", "59/663").code == 0
    elif way == "state rm, per organization":
        assert repository.run("state", "rm", "--organization", "59", "59/663").code == 0
    elif way == "another reference":
        repository.servers([663])
        repository.replace("servers/59.yaml", "ref+env://ICE_SMTP", "ref+env://ICE_IMAP")
        repository.apply("--allow", "host-change")
    else:
        repository.apply("--allow", "disabled")


def add_elsewhere(repository: Repository) -> None:
    """Add another server that would send the password to a host of its own."""
    repository.servers([664])
    repository.replace("servers/59.yaml", "host: smtp.example.org", "host: smtp.attacker.test")


@pytest.mark.parametrize("way", ["forget", "disable", "state rm", "another reference"])
def test_forgotten_server_leaves_its_hosts(repository: Repository, way: str) -> None:
    """Whichever way it went, its password goes nowhere else until somebody allows it."""
    repository.servers([663])
    repository.apply()
    forget(repository, way)
    add_elsewhere(repository)
    refused = repository.run("apply", "-y")
    allowed = repository.run("apply", "-y", "--allow", "host-change:59/664")

    assert_refused(refused, 9, SENTENCE, hint="--allow host-change:59/664")
    assert allowed.code == 0, allowed
    assert repository.run("plan").code == 0


def test_value_by_another_reference_is_remembered(repository: Repository) -> None:
    """A new name for the password of a forgotten server is the same password."""
    repository.servers([663])
    repository.apply()
    forget(repository, "forget")
    add_elsewhere(repository)
    repository.replace("servers/59.yaml", "ref+env://ICE_SMTP", "ref+env://ICE_NEW")
    repository.environ["ICE_NEW"] = repository.environ.pop("ICE_SMTP")

    assert_refused(repository.run("apply", "-y"), 9, SENTENCE, hint="host-change:59/664")


def test_old_host_needs_nobody(repository: Repository) -> None:
    """A server that comes back as it was is added as any other, and nothing is remembered."""
    repository.servers([663])
    repository.apply()
    forget(repository, "forget")
    remembered = '"memory"' in repository.read("state.json")
    repository.servers([664])
    repository.apply()

    assert remembered
    assert '"memory"' not in repository.read("state.json")


@pytest.mark.parametrize("way", ["forget", "state rm, per organization"])
def test_parts_remember_too(repository: Repository, way: str) -> None:
    """Each organization's state keeps the memory of its own servers."""
    repository.replace("icesync.yaml", "{path: state.json}", PARTS)
    repository.servers([663])
    repository.apply()
    forget(repository, way)
    add_elsewhere(repository)

    assert_refused(repository.run("apply", "-y"), 9, SENTENCE, hint="host-change:59/664")


def test_memory_cannot_be_cut_out(repository: Repository) -> None:
    """The seal over the whole state covers it, also where every digest was computed anew."""
    repository.servers([663])
    repository.apply()
    forget(repository, "forget")
    document = loads(repository.read("state.json"))
    document["memory"]["secrets"][0]["host"] = "smtp.attacker.test"
    repository.write("state.json", dumps(document))
    clumsy = repository.run("plan")
    document["memory"]["digest"] = digest(canonical(document["memory"]["secrets"]))
    repository.write("state.json", dumps(document))
    add_elsewhere(repository)
    edited = repository.run("apply", "-y")
    del document["memory"]
    repository.write("state.json", dumps(document))
    cut = repository.run("apply", "-y")

    assert "memory of hosts" in clumsy.stderr
    assert_refused(edited, 9, "removed or put back", hint="state-edited")
    assert_refused(cut, 9, "removed or put back", hint="state-edited")


@pytest.fixture
def two(repository: Repository) -> Repository:
    """Two organizations, each with a state and a password of its own; a change moves both on."""
    repository.replace("icesync.yaml", "{path: state.json}", PARTS)
    repository.servers([663])
    text = repository.read("servers/59.yaml")
    own = text.replace("organization: 59", "organization: 60").replace("ICE_SMTP", "ICE_60")
    repository.write("servers/60.yaml", own)
    repository.environ["ICE_60"] = "smtp secret of 60"
    repository.apply()
    repository.replace("servers/60.yaml", "host: smtp.example.org", "host: smtp.attacker.test")
    repository.write(
        "servers/59.yaml",
        text.replace("- {skill: 663", "- {skill: 664, smtp: {host: smtp.attacker.test, "
                     "password: ref+env://ICE_60}, name: New}\n  - {skill: 663", 1),
    )  # fmt: skip
    return repository


@pytest.mark.parametrize("way", ["changed", "gone", "edited", "another reference"])
def test_states_of_other_organizations_are_asked(two: Repository, way: str) -> None:
    """A run of one organization sends no password of another one to a new host."""
    told = SENTENCE
    if way == "gone":
        (two.root / "servers" / "60.yaml").unlink()
    elif way == "another reference":
        two.environ["ICE_NEW"] = two.environ["ICE_60"]
        two.replace("servers/59.yaml", "ICE_60", "ICE_NEW")
    elif way == "edited":
        document = loads((two.root / "state" / "60").read_text())
        document["servers"].clear()
        (two.root / "state" / "60").write_text(dumps(document))
        told = "the state of organization 60 was changed outside icesync"

    assert_refused(two.run("apply", "-y", "--organization", "59"), 9, told, hint="--allow")


def test_new_organizations_do_not_vouch_for_each_other(repository: Repository) -> None:
    """What the file of an organization without a state says is no proof of where a password was."""
    repository.replace("icesync.yaml", "{path: state.json}", PARTS)
    repository.servers([663])
    repository.apply()
    text = repository.read("servers/59.yaml").replace("smtp.example.org", "smtp.attacker.test")
    for organization in ("60", "61"):
        new = text.replace("organization: 59", f"organization: {organization}")
        repository.write(f"servers/{organization}.yaml", new)

    refused = repository.run("apply", "-y", "--organization", "61")

    assert_refused(refused, 9, SENTENCE, hint="--allow")


def test_a_reference_that_was_made_to_lead_elsewhere(repository: Repository) -> None:
    """A harmless password at a new host, and then a link in its place: the value counts."""
    repository.servers([663])
    repository.apply()
    text = repository.read("servers/59.yaml").replace("smtp.example.org", "smtp.attacker.test")
    text = text.replace("organization: 59", "organization: 60")
    repository.write("servers/60.yaml", text.replace("ref+env://ICE_SMTP", "ref+file://junk"))
    repository.write("junk", "harmless password\n")
    repository.apply()
    repository.write("junk", repository.environ["ICE_SMTP"] + "\n")

    assert_refused(repository.run("apply", "-y"), 9, SENTENCE, hint="--allow host-change")
