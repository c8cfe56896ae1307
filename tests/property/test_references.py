"""References: one thing has one spelling, and one secret one identity."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from icesync.model.secret import SecretIdentity, SecretRef, read_secret_ref, spell_path
from icesync.secrets.registry import Providers, SecretSettings

if TYPE_CHECKING:
    from pathlib import Path

PIECES = st.sampled_from(
    ["a", "mail", "..", ".", "", "%6d", "%2F", "%2e%2e", "%", "%zz", "ü", "%C3%BC", "a~b", "~1",
     "0", "01", "?", "#", "?version=2", "?version=", "&b=1", "\u3002", "\uff0e", "%E3%80%82", "@"]
)  # fmt: skip
TEXTS = st.builds(
    lambda scheme, pieces, joins: f"ref+{scheme}://" + "".join(
        f"{piece}{join}" for piece, join in zip(pieces, joins, strict=False)
    ),
    st.sampled_from(["env", "file", "vault", "x"]),
    st.lists(PIECES, min_size=1, max_size=6),
    st.lists(st.sampled_from(["/", "", "#/", "//"]), min_size=6, max_size=6),
)  # fmt: skip


@given(TEXTS, TEXTS)
def test_two_texts_that_mean_the_same_are_one_text(first: str, second: str) -> None:
    """What parses to equal parts was spelled equally."""
    one, two = read_secret_ref(first), read_secret_ref(second)
    if isinstance(one, SecretRef) and isinstance(two, SecretRef):
        same = _parts(one) == _parts(two)

        assert same == (first == second)


@given(
    st.sampled_from(["env", "file", "vault"]),
    st.text("aZ0_.-/%~ü", min_size=1, max_size=8),
)
def test_a_path_is_read_alike_with_and_without_options(scheme: str, path: str) -> None:
    """What has no options and no escapes is read at once, and as carefully."""
    alone = read_secret_ref(f"ref+{scheme}://{path}")
    careful = read_secret_ref(f"ref+{scheme}://{path}?a=b")

    assert isinstance(alone, SecretRef) == isinstance(careful, SecretRef)
    if isinstance(alone, SecretRef) and isinstance(careful, SecretRef):
        assert (alone.scheme, alone.path) == (careful.scheme, careful.path)


def _parts(reference: SecretRef) -> tuple[object, ...]:
    options = tuple(sorted(reference.options.items()))
    return reference.scheme, reference.absolute, reference.steps, options, reference.keys


@given(TEXTS)
def test_the_spelling_that_a_hint_gives_is_right(text: str) -> None:
    """Whoever follows the hint has a reference."""
    found = read_secret_ref(text)
    if not isinstance(found, SecretRef) and found.spelling is not None:
        assert isinstance(read_secret_ref(found.spelling), SecretRef)
        assert found.spelling != text


@given(st.lists(st.text(st.characters(min_codepoint=0x20, exclude_categories=["Cs", "Cc"]),
                        min_size=1, max_size=8).filter(lambda step: step not in {".", ".."}),
                min_size=1, max_size=4))  # fmt: skip
def test_any_path_can_be_spelled(steps: list[str]) -> None:
    """What a folder may be called, a reference can name."""
    found = read_secret_ref(f"ref+file://{spell_path(steps)}")

    assert isinstance(found, SecretRef)
    assert found.steps == tuple(steps)


SPELLINGS = {
    "env": ["ICE_A", "ICE_A#", "ICE_A?", "./ICE_A", "ICE%5FA", "/ICE_A", "ICE_A/", "a/../ICE_A"],
    "file": ["m/s.yaml#/a", "./m/s.yaml#/a", "m//s.yaml#/a", "m/../m/s.yaml#/a", "%6d/s.yaml#/a",
             "{root}/m/s.yaml#/a", "link.yaml#/a", "m/s.yaml#a", "m/s.yaml#/%61", "m/s.yaml?#/a",
             "hard.yaml#/a", "linked/s.yaml#/a"],
    "sops": ["m/s.yaml#/a", "{root}/m/s.yaml#/a", "link.yaml#/a", "./m/s.yaml#/a"],
    "vault": ["kv/m/a#/k", "/kv/m/a#/k", "kv//m/a#/k", "kv/%6d/a#/k", "kv/m/a?version=1#/k",
              "kv/m/a?version=2#/k", "kv/m/./a#/k", "kv/m/a?version=01#/k", "kv/m/a/#/k"],
    "awssecrets": ["m/a#/k", "m/a?region=eu-west-1#/k", "m/a?version=AWSPREVIOUS#/k",
                   "arn:aws:secretsmanager:eu-west-1:123456789012:secret:m/a-AbC123#/k",
                   "m/a?version=AWSCURRENT#/k", "m/a?version=1&region=eu-west-1#/k"],
    "awsssm": ["m/a", "/m/a", "m/a?version=3", "arn:aws:ssm:eu-west-1:123456789012:parameter/m/a"],
    "gcpsecrets": ["proj/m", "proj/m?version=1", "proj/m?version=latest", "proj/m/", "proj/%6d"],
    "azurekeyvault": ["vault-1/m", "VAULT-1/M", "vault-1/m/0123456789abcdef"],
    "op": ["v/i/f", "V/I/F", "v/i/f#", "v//i/f"],
    "keyring": ["s/n", "s/n?", "./s/n"],
    "exec": ["%2Fbin%2Fx", "/bin/x"],
}  # fmt: skip


def test_no_two_spellings_of_one_secret_have_two_identities(tmp_path: Path) -> None:
    """By version, region, link, root or case: what parses and is permitted is known as one."""
    (tmp_path / "m").mkdir()
    (tmp_path / "m/s.yaml").write_text("a: b\n")
    (tmp_path / "link.yaml").symlink_to("m/s.yaml")
    (tmp_path / "linked").symlink_to("m")
    (tmp_path / "hard.yaml").hardlink_to(tmp_path / "m/s.yaml")
    environ = {"ICESYNC_ALLOW_EXEC": "1", "VAULT_ADDR": "https://vault.test"}
    providers = Providers(
        SecretSettings(tmp_path, environ, "test", ("ICE_*",), ("**",), lambda *_: None)
    )
    for scheme, spellings in SPELLINGS.items():
        found = set()
        for spelling in spellings:
            text = f"ref+{scheme}://{spelling.format(root=tmp_path)}"
            reference = read_secret_ref(text)
            if isinstance(reference, SecretRef):
                found |= _identity(providers, reference)

        assert len(found) == 1, scheme


def test_other_secrets_have_other_identities(tmp_path: Path) -> None:
    """No identity is so wide that two secrets share it."""
    environ = {"ICESYNC_ALLOW_EXEC": "1", "VAULT_ADDR": "https://vault.test"}
    providers = Providers(
        SecretSettings(tmp_path, environ, "test", ("ICE_*",), ("**",), lambda *_: None)
    )
    rests = {
        "env": "ICE_A ICE_B ICE_a", "file": "a b a.yaml#/a a.yaml#/b a.yaml#/a/b",
        "sops": "a b a#/a a#/b", "vault": "kv/a#/a kv/a#/b kv/b#/a kv/a/a#/a",
        "awssecrets": "a b a#/a a-AbC123", "awsssm": "a b a/b a#/a", "exec": "a a/b a%2Fb",
        "gcpsecrets": "proj/a proj/b proj2/a", "azurekeyvault": "vault-1/a vault-1/b vault-2/a",
        "op": "v/i/f v/i/g v/i/s/f v/i/f?attribute=otp", "keyring": "s/a s/b t/a",
    }  # fmt: skip
    texts = [
        f"ref+{scheme}://{rest}" for scheme, all_of in rests.items() for rest in all_of.split()
    ]
    identities = [_identity(providers, read_secret_ref(text)) for text in texts]

    assert all(identities)
    for (one, a), (two, b) in product(zip(texts, identities, strict=True), repeat=2):
        assert (a == b) == (one == two), (one, two)


def test_a_document_is_the_whole_of_each_secret_in_it(tmp_path: Path) -> None:
    """At every store whose values may be documents, of whichever version and spelling."""
    environ = {"VAULT_ADDR": "https://vault.test"}
    providers = Providers(
        SecretSettings(tmp_path, environ, "test", ("ICE_*",), ("**",), lambda *_: None)
    )
    for whole, part in {
        "file://a.yaml": "file://a.yaml#/eu/smtp",
        "file://a.yaml#/eu": "file://a.yaml#/eu/smtp",
        "sops://mail": "sops://mail#/eu/smtp",
        "sops://a.yaml#/eu": "sops://a.yaml#/eu/smtp",
        "vault://kv/a": "openbao://kv/a?version=2#/k",
        "awssecrets://a?version=1": "awssecrets://a#/eu/smtp",
        "awsssm://a": "awsssm:///a?version=3#/k",
        "awsssm:///aws/reference/secretsmanager/a": "awssecrets://a#/k",
        "gcpsecrets://proj/a?version=1": "gcpsecrets://proj/a#/k",
        "azurekeyvault://vault-1/a": "azurekeyvault://VAULT-1/A/0123456789abcdef#/k",
        "fromelsewhere://a?version=1": "fromelsewhere://a#/k",
    }.items():
        read = [read_secret_ref(f"ref+{text}") for text in (whole, part)]
        one, other = (providers.identify(r) for r in read if isinstance(r, SecretRef))

        assert one in other.wholes, whole
        assert other not in one.wholes

    deep = SecretIdentity("file:1", "/a" * 100_000)

    assert SecretIdentity("file:1") in deep.wholes
    assert sum(len(whole.fragment) for whole in deep.wholes) < 10_000


def _identity(providers: Providers, reference: object) -> set[str]:
    """Return the identity, or nothing where the provider refuses the reference."""
    from icesync.errors import SecretMissing

    assert isinstance(reference, SecretRef)
    try:
        return {providers.identify(reference)}
    except SecretMissing:
        return set()
