"""What differs between two settings; the only home of deepdiff."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from icesync.model.fields import SETTING_FIELDS, Setting
from icesync.model.plan import FieldChange

if TYPE_CHECKING:
    from collections.abc import Mapping

    from icesync.model.desired import Origin

__all__ = ["diff_settings"]

_ORDER: Final = {field.key: number for number, field in enumerate(SETTING_FIELDS)}


def diff_settings(
    before: Mapping[str, Setting], after: Mapping[str, Setting], origin: Origin | None = None
) -> tuple[FieldChange, ...]:
    """
    Return the settings that differ, in the order of the field table.

    *origin* gives the place of each new value. Equal settings cost one
    comparison; against nothing, all of *after* is new; deepdiff looks at the rest.
    """
    if before == after:
        return ()
    keys = _changed_keys(before, after) if before else after.keys()
    return tuple(
        FieldChange(key, before.get(key), after.get(key), origin.position(key) if origin else None)
        for key in sorted(keys, key=lambda key: (_ORDER.get(key, len(_ORDER)), key))
    )


def _changed_keys(before: Mapping[str, Setting], after: Mapping[str, Setting]) -> set[str]:
    from deepdiff import DeepDiff

    # By default deepdiff reports two mappings with few common keys as one change
    # of the whole, and a server would lose its list of fields: hence the 0.
    found = DeepDiff(
        dict(before), dict(after), view="tree", threshold_to_diff_deeper=0, verbose_level=0
    )
    return {level.path(output_format="list")[0] for levels in found.values() for level in levels}
