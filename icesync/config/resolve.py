"""
From documents to the desired state: defaults merged, presets filled in, addresses unique.

Layers go from general to special: ``_defaults.yaml`` of each folder on the way
down, the file's ``defaults``, the server. A value of the user's own always wins over a
preset's, from whichever layer it comes. The preset of a block goes before that of the
server. The server's preset fills the blocks that are in use and those that the files give
something; a block that nobody mentions stays empty. Every finding of every file is
reported in one run.
"""

from __future__ import annotations

from dataclasses import field, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeVar

from icesync.config.discover import is_defaults
from icesync.config.rules.documents import check_moves
from icesync.config.values import (
    FastPathMiss,
    InvalidValue,
    Layer,
    missing_keys,
    read_layer,
    read_scalar,
    read_value,
    salvage_layer,
)
from icesync.config.yaml_document import node_at
from icesync.diagnostics import Diagnostic, SourcePosition, sort_diagnostics
from icesync.errors import listed
from icesync.frozen import NamedTuple, frozen, mutable
from icesync.model.desired import (
    ADDRESS_GRAMMAR,
    Address,
    DesiredServer,
    DesiredState,
    Given,
    LayerKind,
    Move,
    Removal,
    RemovalAction,
)
from icesync.model.fields import (
    FIELDS_BY_KEY,
    LOGIN_KEYS,
    Field,
    Setting,
    needs_login,
    new_settings,
)
from icesync.model.presets import find_preset
from icesync.regex import regex

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from collections.abc import Set as AbstractSet

    from icesync.config.yaml_document import Document
    from icesync.config.yaml_tree import NodePath
    from icesync.model.secret import SecretRef


class LayerMapping(NamedTuple):
    """A mapping inside a document: the server's own, or a ``defaults``."""

    document: Document
    path: NodePath

    @property
    def layer(self) -> LayerKind:
        """Which layer the mapping is."""
        if not self.path:
            return LayerKind.TOP
        if self.path[0] == "servers":
            return LayerKind.SERVER
        return LayerKind.FOLDER if is_defaults(self.document.file) else LayerKind.FILE


_NOTHING_FILLED: Final[Mapping[str, str]] = {}


@frozen
class LayeredOrigin:
    """
    The places that one server's values come from.

    It is the *index*-th server of *document*; *above* are the defaults, the most special
    first. Positions are looked up only when asked for: a server that does not change
    pays nothing for them. *filled* names the ``preset`` key that gave a value, by
    the value's key.
    """

    document: Document
    index: int
    above: tuple[LayerMapping, ...] = ()
    filled: Mapping[str, str] = field(default_factory=lambda: _NOTHING_FILLED)

    @property
    def file(self) -> str:
        """The file that defines the server."""
        return self.document.file

    @property
    def places(self) -> tuple[LayerMapping, ...]:
        """All places, the most special first."""
        return (LayerMapping(self.document, ("servers", self.index)), *self.above)

    def position(self, key: str = "") -> SourcePosition:
        """Return the place of *key*'s effective value; of the server for ``""`` or no value."""
        for place in self.places if key else ():
            found = place.document.find(place.path, key)
            if found is not None:
                return found
        if key in self.filled:
            return self.position(self.filled[key])
        return self.document.server_position(("servers", self.index))

    def files(self) -> frozenset[str]:
        """Return the files that this server is made of: its own, and those with its defaults."""
        return frozenset(place.document.file for place in self.places)

    def chain(self, key: str) -> tuple[Given, ...]:
        """Return what every layer gives for *key*, the effective value first."""
        parts = tuple(key.split("."))
        if key == "organization":
            given = _given(LayerMapping(self.document, ()), parts, FIELDS_BY_KEY[key])
            return () if given is None else (given,)
        found = (_given(place, parts, FIELDS_BY_KEY[key]) for place in self.places)
        return tuple(given for given in found if given is not None)


def _given(place: LayerMapping, parts: tuple[str, ...], row: Field) -> Given | None:
    """Return what one layer gives, or None: nothing, or what no field takes."""
    path = (*place.path, *parts)
    node = node_at(place.document.data, path)
    if not isinstance(node, str):
        return None
    try:
        value = read_value(row, node)
    except InvalidValue:
        return None
    return Given(place.layer, value, place.document.position(path))


_BLOCKS: Final = ("smtp", "pop3", "imap")


class Filled(NamedTuple):
    """
    Settings with what presets gave them.

    *sources* names the ``preset`` key behind each filled setting, *presets* the
    preset that governs each block.
    """

    settings: dict[str, Setting]
    sources: Mapping[str, str]
    presets: Mapping[str, str]


def fill(
    settings: Mapping[str, Setting],
    secrets: Mapping[str, SecretRef],
    presets: Mapping[str, str],
) -> Filled:
    """Return *settings* with the values of *presets*, which are names by ``preset`` key."""
    full = new_settings(settings)
    sources: dict[str, str] = {}
    governing: dict[str, str] = {}
    mentioned = {key.partition(".")[0] for key in (*settings, *secrets, *presets) if "." in key}
    in_use = {"smtp", settings.get("incoming"), *mentioned}
    for block in _BLOCKS:
        key = _governs(block, presets)
        preset = find_preset(presets[key]) if key else None
        offer = preset.offers.get(block) if preset is not None else None
        if offer is not None and block in in_use:
            governing[block] = presets[key]
            _give(full, sources, {f"{block}.host": offer.host}, key)
            _give(full, sources, {f"{block}.port": offer.ports[0]}, key)
    for key in ("preset", "smtp.preset", f"{settings.get('incoming')}.preset"):
        preset = find_preset(presets.get(key, ""))
        if preset is not None:
            _give(full, sources, _flags(full, implicit=preset.implicit), key)
    return Filled(full, sources, governing)


def _governs(block: str, presets: Mapping[str, str]) -> str:
    """Return the key of the preset that governs *block*, or an empty string."""
    keys = (f"{block}.preset", "preset")
    return next((key for key in keys if key in presets), "")


def _flags(settings: Mapping[str, Setting], *, implicit: bool) -> dict[str, Setting]:
    """Return the flags that have no value; where one has, the other is its opposite."""
    ssl, tls = settings.get("ssl"), settings.get("tls")
    if ssl is None and tls is None:
        return {"ssl": implicit, "tls": not implicit}
    return {"ssl": not tls} if ssl is None else {"tls": not ssl}


def _give(
    settings: dict[str, Setting], sources: dict[str, str], values: Mapping[str, Setting], key: str
) -> None:
    for name, value in values.items():
        if name not in settings:
            settings[name] = value
            sources[name] = key


_TOP_KEYS: Final = frozenset({"version", "organization", "defaults", "servers", "removed", "moved"})


def resolve(documents: Iterable[Document]) -> tuple[DesiredState, tuple[Diagnostic, ...]]:
    """
    Return the desired state of all *documents*, and what is wrong with them.

    Documents that :func:`is_defaults` knows are folder defaults. The state
    is whole only when there are no findings (a server that misses a value is in
    it, so that its other faults are found too); order of documents does not matter.
    """
    return resolve_files((document.file, partial(_itself, document)) for document in documents)


def _itself(document: Document) -> Document:
    return document


def resolve_files(
    files: Iterable[tuple[str, Callable[[], Document | None]]],
) -> tuple[DesiredState, tuple[Diagnostic, ...]]:
    """
    Return what :func:`resolve` returns, for *files* by name.

    Each is read by its function when its turn comes, and let go before the next one: their
    data would take ten times the memory of what is wanted of them. One that gives None is
    left out.
    """
    resolver = _Resolver()
    for name, read in sorted(files, key=lambda file: (not is_defaults(file[0]), file[0])):
        document = read()
        if document is None:
            continue
        resolver.problems.extend(document.problems)
        if is_defaults(name):
            resolver.add_folder(document)
        elif document.data is not None:
            resolver.add_file(document)
        document.let_go()
    resolver.check_removals()
    resolver.report_missing()
    moves = resolver.moves
    resolver.problems.extend(check_moves(moves, resolver.servers, resolver.removals))
    state = DesiredState(resolver.servers, resolver.removals, {m.address: m for m in moves})
    return state, sort_diagnostics(resolver.problems)


def defaults_of(documents: Iterable[Document]) -> Layer:
    """Return what the ``defaults`` of *documents* come to, from general to special."""
    merged = Layer()
    for document in documents:
        data = document.data
        if type(data) is dict and "defaults" in data:
            layer, _ = _attempt(data["defaults"], defaults=True)
            for whole, part in zip(merged.targets, layer.targets, strict=True):
                whole.update(part)
    return merged


@mutable
class _Defaults:
    """A mapping of defaults and where it stands; no layer where it cannot be read."""

    layer: Layer | None
    place: LayerMapping


_NO_DEFAULTS: Final[tuple[_Defaults, ...]] = ()


@mutable
class _Resolver:
    """Collects servers and findings over all files."""

    servers: dict[Address, DesiredServer] = field(default_factory=dict)
    removals: dict[Address, Removal] = field(default_factory=dict)
    moves: list[Move] = field(default_factory=list)
    problems: list[Diagnostic] = field(default_factory=list)
    folders: dict[str, _Defaults] = field(default_factory=dict)
    missing: dict[tuple[str, _Missing], list[DesiredServer]] = field(default_factory=dict)
    """by file what is missing, and the servers that miss it"""

    def add_folder(self, document: Document) -> None:
        data = document.data
        layer = None
        try:
            _check_top(data, {"version", "defaults"})
            layer = read_layer(data.get("defaults"), defaults=True)
        except FastPathMiss:
            if data is not None:
                self._explain(document, "defaults")
        folder = document.file.rpartition("/")[0]
        if folder in self.folders:
            self._report_two_defaults(document, self.folders[folder].place.document)
            layer = None
        self.folders[folder] = _Defaults(layer, LayerMapping(document, ("defaults",)))

    def add_file(self, document: Document) -> None:
        data = document.data
        try:
            _check_top(data, _TOP_KEYS)
            organization = read_scalar(data.get("organization"), "organization")
            above = self._defaults_above(document)
            if "defaults" in data:
                own = read_layer(data["defaults"], defaults=True)
                above = (*above, _Defaults(own, LayerMapping(document, ("defaults",))))
            layers = [_server_layer(node) for node in _list(data, "servers")]
            removals = [_removal(node) for node in _list(data, "removed")]
            moves = [_move(node) for node in _list(data, "moved")]
        except FastPathMiss:
            self._explain(document, "email-servers")
            self._salvage(document)
            return
        base, places = _merge(above)
        whole = all(item.layer is not None for item in above)
        some_sealed = any(d.sealed for d in (document, *(place.document for place in places)))
        for index, layer in enumerate(layers):
            origin = LayeredOrigin(document, index, places)
            sealed = _sealed(origin.places) if some_sealed else frozenset()
            server = self._add_server(organization, layer, base, origin, whole=whole, sealed=sealed)
            missing = _lacking(server)
            if missing and whole:
                self._report_missing(server, missing)
        for index, (skill, action) in enumerate(removals):
            self._add_removal(Address(organization, skill), action, document, index)
        for index, (skill, source) in enumerate(moves):
            position = document.position(("moved", index))
            self.moves.append(Move(Address(organization, skill), source, position))

    def _salvage(self, document: Document) -> None:
        """
        Take what can be read of a file that does not fit, so that its other faults are told too.

        A server is asked for missing values only if nothing of it or above it was
        left out: a slip in a key would be told twice.
        """
        data = document.data
        if type(data) is not dict or data.get("version") != "1":
            return
        try:
            organization = read_scalar(data.get("organization"), "organization")
            nodes = _list(data, "servers")
        except FastPathMiss:
            return
        above, fits = self._defaults_above(document), True
        if "defaults" in data:
            own, fits = _attempt(data["defaults"], defaults=True)
            above = (*above, _Defaults(own, LayerMapping(document, ("defaults",))))
        base, places = _merge(above)
        # What stands under a key that nobody knows, such as `default:`, may be all that is missing.
        fits = fits and data.keys() <= _TOP_KEYS
        fits = fits and all(item.layer is not None for item in above)
        for index, node in enumerate(nodes):
            layer, whole = _attempt(node)
            if "skill" not in layer.labels:
                continue
            origin = LayeredOrigin(document, index, places)
            server = self._add_server(organization, layer, base, origin, whole=whole and fits)
            if whole and fits:
                self._report_missing(server, missing_keys(server.settings, server.secrets))

    def _defaults_above(self, document: Document) -> tuple[_Defaults, ...]:
        """Return the folder defaults that apply to *document*, from general to special."""
        if not self.folders:
            return _NO_DEFAULTS
        folder = document.file.rpartition("/")[0]
        parts = folder.split("/") if folder else []
        ways = ["/".join(parts[:depth]) for depth in range(len(parts) + 1)]
        return tuple(self.folders[way] for way in ways if way in self.folders)

    def _add_server(
        self,
        organization: int,
        own: Layer,
        base: Layer,
        origin: LayeredOrigin,
        *,
        whole: bool,
        sealed: frozenset[str] = frozenset(),
    ) -> DesiredServer:
        if sealed:
            own, base = _without(own, sealed), _without(base, sealed)
        address = Address(organization, own.labels["skill"])
        settings = new_settings(base.settings, own.settings) if base.settings else own.settings
        secrets = {**base.secrets, **own.secrets} if base.secrets else own.secrets
        local = {**base.local, **own.local} if own.local else base.local
        if not needs_login(settings):
            settings, secrets = _without_login(settings), _without_login(secrets)
        name = own.labels.get("name", "")
        server = DesiredServer(address, settings, secrets, origin, name, local=local)
        if own.presets or base.presets:
            server = _filled(server, origin, {**base.presets, **own.presets})
        if sealed or not whole:
            server = replace(server, whole=False, sealed=sealed)
        if not needs_login(settings):
            self._check_login(server, own)
        first = self.servers.setdefault(address, server)
        if first is not server:
            self._report_twice(address, server.origin.position(), first.origin.position())
        return server

    def _add_removal(
        self, address: Address, action: RemovalAction, document: Document, index: int
    ) -> None:
        position = document.position(("removed", index))
        if address in self.removals:
            self._report_twice(address, position, self.removals[address].position)
        else:
            self.removals[address] = Removal(address, action, position)

    def check_removals(self) -> None:
        """Report the servers that are both present and removed."""
        for address in self.removals.keys() & self.servers.keys():
            position = self.removals[address].position
            present = self.servers[address].origin.position()
            message = f"{address} is listed under `removed:` and defined at {present}"
            self.problems.append(
                Diagnostic("ICE110", message, position, "remove one of the two entries")
            )

    def _report_missing(self, server: DesiredServer, missing: Sequence[str]) -> None:
        file = server.origin.position().file if missing else ""
        for found in _describe_missing(server, missing):
            self.missing.setdefault((file, found), []).append(server)

    def report_missing(self) -> None:
        """Report what servers miss; what several of a file miss is reported once."""
        for (_, missing), servers in self.missing.items():
            subject, more = str(servers[0].address), len(servers) - 1
            others = f" and {more} more" if more else ""
            message = f"{subject}{others}: {missing.message}"
            position = servers[0].origin.position()
            self.problems.append(
                Diagnostic(missing.rule, message, position, missing.hint, subject=subject)
            )

    def _check_login(self, server: DesiredServer, own: Layer) -> None:
        """Report a login that stands beside the word that there is none."""
        keys = [f"`{k}`" for k in LOGIN_KEYS if k in own.settings or k in own.secrets]
        if not keys:
            return
        message = f"{server.address}: `smtp.login` is none, and {' and '.join(keys)} is given"
        hint = "remove it, or use `login: password`"
        position, subject = server.origin.position("smtp.login"), str(server.address)
        self.problems.append(Diagnostic("ICE211", message, position, hint, subject=subject))

    def _report_two_defaults(self, second: Document, first: Document) -> None:
        message = f"the folder has two defaults files, this one and {first.file}"
        self.problems.append(
            Diagnostic("ICE106", message, SourcePosition(second.file), "keep one of them")
        )

    def _report_twice(
        self, address: Address, second: SourcePosition, first: SourcePosition
    ) -> None:
        message = f"{address} is defined twice, here and at {first}"
        self.problems.append(
            Diagnostic("ICE102", message, second, "keep one; otherwise the last call would win")
        )

    def _explain(self, document: Document, schema: str) -> None:
        """Report what jsonschema finds in a document that the quick verdict refused."""
        from icesync.config.schema import check_schema

        found = check_schema(document, schema)
        if not found:
            where = document.position()
            found = (Diagnostic("ICE013", "the file has errors", where),)
        self.problems.extend(found)


def _sealed(places: Sequence[LayerMapping]) -> frozenset[str]:
    """Return the keys whose effective values are sealed; *places* begin with the most special."""
    keys: frozenset[str] = frozenset()
    for place in reversed(places):
        data, above = place.document.data, place.path
        kept = (k for k in keys if node_at(data, (*above, *k.split("."))) is None)
        keys = frozenset(kept) | place.document.sealed.get(above, frozenset())
    return keys


def _without(layer: Layer, keys: frozenset[str]) -> Layer:
    """Return *layer* without what a more special layer seals; what it seals is not in it."""
    return Layer(*({k: v for k, v in part.items() if k not in keys} for part in layer.targets))


def _lacking(server: DesiredServer) -> list[str]:
    """Return the required keys that *server* surely lacks."""
    missing, sealed = missing_keys(server.settings, server.secrets), server.sealed
    if sealed and missing:
        if any(key.rpartition(".")[2] in {"preset", "incoming", "login"} for key in sealed):
            return []  # which are required, or filled, is sealed as well
        return [key for key in missing if key not in sealed]
    return missing


class _Missing(NamedTuple):
    """One thing that a server lacks."""

    rule: str
    message: str
    hint: str


def _describe_missing(server: DesiredServer, missing: Sequence[str]) -> Iterator[_Missing]:
    """Yield what *server* lacks: what is missing of a block, or outside of one, is one thing."""
    given = {key.partition(".")[0] for key in (*server.settings, *server.secrets) if "." in key}
    blocks: dict[str, list[str]] = {}
    for key in missing:
        block = key.partition(".")[0]
        blocks.setdefault(block if block in _MISSING_RULES else "", []).append(key)
    for block, names in blocks.items():
        rule = _MISSING_RULES.get(block, "ICE107")
        if rule != "ICE107" and block not in given:
            leaves = ", ".join(name.partition(".")[2] for name in names)
            other = {"pop3": "imap", "imap": "pop3"}.get(block)
            instead = f", or use `incoming: {other}`" if other in given else ""
            hint = f"add `{block}:`, here or under `defaults:`{instead}"
            yield _Missing(rule, f"`{block}` is missing: {leaves}", hint)
            continue
        named = [f"`{name}`" for name in names]
        added = named[0] if len(named) == 1 else "them"
        hint = f"add {added} here or under `defaults:`; omitted settings would be sent as empty"
        are = "is" if len(named) == 1 else "are"
        yield _Missing(rule, f"{listed(named, len(named))} {are} required", hint)


_MISSING_RULES: Final = {"imap": "ICE201", "pop3": "ICE202", "smtp": "ICE203"}
"""The rule that a block in use breaks when a setting of it has no value."""


_SOURCE: Final = regex(ADDRESS_GRAMMAR)


_T = TypeVar("_T")


def _without_login(values: Mapping[str, _T]) -> dict[str, _T]:
    """Return *values* without a login that defaults may have given."""
    return {key: value for key, value in values.items() if key not in LOGIN_KEYS}


def _check_top(data: Any, known: AbstractSet[str]) -> None:
    if type(data) is not dict or data.keys() - known:
        raise FastPathMiss
    version = data.get("version")
    if type(version) is not str or version != "1":
        raise FastPathMiss


def _attempt(node: Any, *, defaults: bool = False) -> tuple[Layer, bool]:
    """Return what *node* says, and whether all of it could be read."""
    try:
        return read_layer(node, defaults=defaults), True
    except FastPathMiss:
        return salvage_layer(node, defaults=defaults), False


def _server_layer(node: Any) -> Layer:
    layer = read_layer(node)
    if "skill" not in layer.labels:
        raise FastPathMiss
    return layer


def _removal(node: Any) -> tuple[int, RemovalAction]:
    if type(node) is not dict or node.keys() != {"skill", "action"}:
        raise FastPathMiss
    if not isinstance(node["action"], str) or node["action"] not in set(RemovalAction):
        raise FastPathMiss
    return read_scalar(node["skill"], "skill"), RemovalAction(node["action"])


def _move(node: Any) -> tuple[int, Address]:
    """Return the skill and the old address that an entry of ``moved:`` names."""
    if type(node) is not dict or node.keys() != {"skill", "from"}:
        raise FastPathMiss
    match = _SOURCE.fullmatch(node["from"]) if isinstance(node["from"], str) else None
    if match is None:
        raise FastPathMiss
    return read_scalar(node["skill"], "skill"), Address(int(match[1]), int(match[2]))


def _list(data: Mapping[str, Any], key: str) -> list[Any]:
    nodes = data.get(key, [])
    if type(nodes) is not list:
        raise FastPathMiss
    return nodes


def _filled(
    server: DesiredServer, origin: LayeredOrigin, presets: Mapping[str, str]
) -> DesiredServer:
    """Return *server* with what its *presets* fill."""
    settings, sources, governing = fill(server.settings, server.secrets, presets)
    origin = replace(origin, filled=sources)
    return replace(server, settings=settings, origin=origin, presets=governing)


def _merge(defaults: tuple[_Defaults, ...]) -> tuple[Layer, tuple[LayerMapping, ...]]:
    """Return all *defaults* as one layer, and their places, the most special first."""
    merged = Layer()
    for item in defaults:
        if item.layer is not None:
            merged.settings.update(item.layer.settings)
            merged.secrets.update(item.layer.secrets)
            merged.presets.update(item.layer.presets)
            merged.local.update(item.layer.local)
    return merged, tuple(item.place for item in reversed(defaults))
