"""
The safety profile: what a configuration says about its own safeguards, as a value.

Whoever may edit ``icesync.yaml`` may loosen what holds mistakes and attacks
back. So the state records the profile of the last apply, and a plan that is
looser in any respect is refused until somebody allows it. Which options count,
and what makes each looser, stands in the rows of :mod:`icesync.model.project`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any, Final, TypeAlias

from icesync.frozen import NamedTuple
from icesync.model.project import OPTIONS, Backend, Level, Limit, Project, Safeguard, value_of

SafetyProfile: TypeAlias = Mapping[str, Any]
"""
Plain values by the dotted path of an option: a text, None, a list of texts, or texts by name.

What has no value is left out, and so are what the job sets by a variable of its own and
details of the HTTP protocol that are as usual.
"""

SAFEGUARDS: Final = tuple(path for path, row in OPTIONS.items() if row.safeguard is not None)
"""Every option that counts."""

_NOTHING: Final = "nothing"


class Difference(NamedTuple):
    """One safeguard that differs: the option's path, and a sentence about it."""

    path: str
    sentence: str


def profile_of(
    project: Project, lowered: Mapping[str, str], by_job: Collection[str] = ()
) -> SafetyProfile:
    """
    Return the profile of *project*.

    *lowered* are the rules whose severity is below their default, by id; *by_job* are
    paths of options that the job sets.
    """
    profile: dict[str, Any] = {
        path: _plain(value_of(project, path))
        for path in SAFEGUARDS
        if path not in by_job and path != "rules"
    }
    profile["rules"] = {name: str(level) for name, level in sorted(lowered.items())}
    usual = {path for path, row in OPTIONS.items() if row.backend == Backend.HTTP
             and profile.get(path) == _plain(row.default)}  # fmt: skip
    return {p: profile[p] for p in SAFEGUARDS if profile.get(p) is not None and p not in usual}


def _plain(value: Any) -> Any:
    """Return *value* of an option as JSON could hold it."""
    if isinstance(value, Limit):
        return [*_counts(value), *_shares(value)]
    if isinstance(value, Mapping):
        return {str(name): str(level) for name, level in value.items()}
    if isinstance(value, frozenset | tuple) and not hasattr(value, "text"):
        return sorted(str(item) for item in value)
    return None if value is None else str(value)


def _counts(limit: Limit) -> list[str]:
    return [] if limit.count is None else [str(limit.count)]


def _shares(limit: Limit) -> list[str]:
    return [] if limit.share is None else [f"{limit.share * 100:g}%"]


def loosened(before: SafetyProfile, after: SafetyProfile) -> tuple[Difference, ...]:
    """Return in which respects *after* is looser than *before*, in the order of the options."""
    return tuple(_differences(before, after, loosening=True))


def tightened(before: SafetyProfile, after: SafetyProfile) -> tuple[Difference, ...]:
    """Return in which respects *after* is stricter; what merely differs counts as looser."""
    return tuple(_differences(before, after, loosening=False))


def _differences(
    before: SafetyProfile, after: SafetyProfile, *, loosening: bool
) -> Iterable[Difference]:
    for path in SAFEGUARDS:
        safeguard = OPTIONS[path].safeguard
        assert safeguard is not None
        # What is not recorded has the value that holds where nothing is said.
        default = _plain(OPTIONS[path].default) or _EMPTY.get(safeguard)
        old, new = before.get(path, default), after.get(path, default)
        for sentence in _COMPARISONS[safeguard](old, new, loosening):
            yield Difference(path, f"`{path}` {sentence}")


def _changed(old: Any, new: Any, loosening: bool) -> list[str]:
    if old == new or not loosening:
        return []
    return [f"changes from {old or _NOTHING} to {new or _NOTHING}"]


def _replaced(old: Any, new: Any, loosening: bool) -> list[str]:
    return _changed(old, new, loosening) if old else []


def _fewer(old: list[str], new: list[str], loosening: bool) -> list[str]:
    if loosening:
        return [f"no longer has {word}" for word in old if word not in new]
    return [f"now has {word}" for word in new if word not in old]


def _more(old: list[str], new: list[str], loosening: bool) -> list[str]:
    if loosening:
        return [f"now allows {word}" for word in new if not _covered(word, old)]
    return [f"no longer allows {word}" for word in old if not _covered(word, new)]


def _covered(pattern: str, known: Sequence[str]) -> bool:
    """Return whether all that the glob *pattern* matches is surely matched by one of *known*."""
    return any(pattern == other or _covers(other, pattern) for other in known)


def _covers(wide: str, pattern: str) -> bool:
    if "/" in wide + pattern or "**" in wide:
        # Whatever is below a folder, as long as nothing leads up again.
        below = (wide == "**" or wide.endswith("/**")) and pattern.startswith(wide[:-2])
        absolute = pattern.startswith("/") and not wide.startswith("/")
        return below and not absolute and ".." not in pattern.split("/")
    # A star stands for any text, the pattern's own wildcards included.
    return not set("?[]") & set(pattern + wide) and fnmatchcase(pattern, wide)


def _higher(old: list[str], new: list[str], loosening: bool) -> list[str]:
    low, high = (old, new) if loosening else (new, old)
    if not any(_ceiling(high, end) > _ceiling(low, end) for end in ("", "%")):
        return []
    word = "rises" if loosening else "falls"
    return [f"{word} from {' and '.join(old) or 'no limit'} to {' and '.join(new) or 'no limit'}"]


def _ceiling(limit: list[str], end: str) -> float:
    """Return the count (*end* is empty) or share of a limit; without one there is no end."""
    texts = [text for text in limit if text.endswith("%") == bool(end)]
    return min((float(text.removesuffix("%")) for text in texts), default=float("inf"))


def _lower(old: Mapping[str, str], new: Mapping[str, str], loosening: bool) -> list[str]:
    was, is_ = (old, new) if loosening else (new, old)
    found = [name for name in is_ if _RANKS[is_[name]] < _RANKS.get(was.get(name, ""), 99)]
    if loosening:
        return [f"lowers {name} to {new[name]}" for name in found]
    return [f"raises {name} to {new.get(name, 'its default')}" for name in found]


_RANKS: Final[Mapping[str, int]] = {level.value: rank for rank, level in enumerate(Level)}

_EMPTY: Final[Mapping[Safeguard, Any]] = {
    Safeguard.FEWER: [],
    Safeguard.MORE: [],
    Safeguard.HIGHER: [],
    Safeguard.LOWER: {},
}

_COMPARISONS: Final[Mapping[Safeguard, Callable[[Any, Any, bool], list[str]]]] = {
    Safeguard.CHANGED: _changed,
    Safeguard.REPLACED: _replaced,
    Safeguard.FEWER: _fewer,
    Safeguard.MORE: _more,
    Safeguard.HIGHER: _higher,
    Safeguard.LOWER: _lower,
}
"""What makes an option looser, by its kind."""


def strictest(profiles: Iterable[SafetyProfile]) -> SafetyProfile | None:
    """
    Return the profile that is as strict as the strictest of *profiles* in each respect.

    It stands for states of several organizations; None where there is no profile.
    """
    united: dict[str, Any] | None = None
    for profile in profiles:
        if united is None:
            united = dict(profile)
        if profile == united:
            continue
        looser = {difference.path for difference in loosened(profile, united)}
        for path in SAFEGUARDS:
            if path in looser:
                united[path] = _both(OPTIONS[path].safeguard, united.get(path), profile.get(path))
    return united


def _both(safeguard: Safeguard | None, one: Any, two: Any) -> Any:
    if safeguard is Safeguard.FEWER:
        return sorted({*one, *two})
    if safeguard is Safeguard.MORE:
        return common_globs(one, two)
    if safeguard is Safeguard.HIGHER:
        least = [min((t for t in (*one, *two) if t.endswith("%") == share),
                     key=lambda t: float(t.removesuffix("%")), default=None)
                 for share in (False, True)]  # fmt: skip
        return [text for text in least if text is not None]
    if safeguard is Safeguard.LOWER:
        return {name: max(one[name], two[name], key=_RANKS.__getitem__)
                for name in one if name in two}  # fmt: skip
    return two


def common_globs(one: Sequence[str], two: Sequence[str]) -> list[str]:
    """Return globs that match nothing but what both lists match, as far as that is sure."""
    return [
        *(glob for glob in one if _covered(glob, two)),
        *(glob for glob in two if glob not in one and _covered(glob, one)),
    ]


def terms_of(project: Project) -> dict[str, Any]:
    """Return what a reviewer of a plan agrees to besides its changes, by the path of the option."""
    return dict(project.safety or {})


def describe(profile: SafetyProfile) -> tuple[str, ...]:
    """Return a line for each safeguard of *profile*, without addresses that are the default."""
    return tuple(
        f"{path} {_shown(profile[path])}"
        for path in SAFEGUARDS
        if profile.get(path)
        and (
            OPTIONS[path].safeguard is not Safeguard.CHANGED
            or profile[path] != _plain(OPTIONS[path].default)
        )
    )


def _shown(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {level}" for name, level in value.items())
    return ", ".join(value) if isinstance(value, list) else str(value)
