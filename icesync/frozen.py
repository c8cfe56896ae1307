"""
``@frozen``, ``@mutable`` and ``NamedTuple``: records that are compiled when they are needed.

``@dataclass(slots=True)`` compiles up to six methods for each class, which takes about a
millisecond, and looks at each field; ``typing.NamedTuple`` takes a fifth of that. A run loads
130 such classes and makes values of sixty: that was a third of the time of a small plan.
Here the methods that are alike are shared, ``__init__`` is compiled when more than a few
values are made, ``__new__`` when a default or a name is used, and the standard library looks
at the fields when ``fields``, ``replace`` or ``asdict`` ask, which work as with any data class.

Each annotation is a field, each field is an argument, and fields are not inherited.
"""

from __future__ import annotations

from collections import _tuplegetter  # type: ignore[attr-defined] # of all named tuples
from dataclasses import MISSING, Field, FrozenInstanceError, dataclass, field, fields
from operator import attrgetter
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar, dataclass_transform

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import NamedTuple as NamedTuple  # noqa: PLC0414 - this is how to export it

_T = TypeVar("_T")


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def frozen(cls: type[_T]) -> type[_T]:
    """Return *cls* as a data class with slots whose values are never changed."""
    made: Any = _with_slots(cls, "_set_{0}(self, {1})")
    made.__setattr__ = made.__delattr__ = _refuse
    made.__reduce__ = _reduce
    return made  # type: ignore[no-any-return]


@dataclass_transform(field_specifiers=(field,))
def mutable(cls: type[_T]) -> type[_T]:
    """Return *cls* as a data class with slots whose values may change, and have no hash."""
    made: Any = _with_slots(cls, "self.{0} = {1}")
    made.__hash__ = None
    return made  # type: ignore[no-any-return]


def _with_slots(cls: Any, assignment: str) -> Any:
    """Return *cls* with its annotations as slots; *assignment* is how ``__init__`` fills one."""
    members = dict(cls.__dict__)
    names = tuple(cls.__annotations__)
    defaults = {name: members.pop(name) for name in names if name in members}
    members.pop("__dict__", None)
    members.pop("__weakref__", None)
    members |= {"__slots__": names, "__match_args__": names, "__qualname__": cls.__qualname__}
    made: Any = type(cls)(cls.__name__, cls.__bases__, members)
    values = attrgetter(*names)

    def first_init(self: object, *args: Any, **kwargs: Any) -> None:
        made.__init__ = _compile_init(made, defaults, assignment)
        made.__init__(self, *args, **kwargs)

    def equal(self: object, other: object) -> Any:
        if other.__class__ is not self.__class__:
            return NotImplemented
        return values(self) == values(other)

    made.__init__ = first_init
    if cls.__eq__ is object.__eq__:
        made.__eq__ = equal
        made.__hash__ = lambda self: hash(values(self))
    if cls.__repr__ is object.__repr__:
        made.__repr__ = _repr
    made.__dataclass_fields__ = _Fields(cls)
    return made


class _Fields:
    """What the standard library knows a data class by, made when it asks."""

    def __init__(self, cls: type) -> None:
        self._cls = cls

    def __get__(self, _value: object, made: Any) -> dict[str, Field[Any]]:
        found: Any = dataclass(init=False, repr=False, eq=False)(self._cls)
        made.__dataclass_fields__ = found.__dataclass_fields__
        return found.__dataclass_fields__  # type: ignore[no-any-return]


def _compile_init(made: Any, defaults: Mapping[str, Any], assignment: str) -> Callable[..., None]:
    """Return the ``__init__`` that takes the fields of *made* in their order."""
    scope: dict[str, Any] = {"_MISSING": MISSING}
    parameters, lines = ["self"], []
    for name in made.__match_args__:
        default, value = f"_default_{name}", name
        given: Any = defaults.get(name, MISSING)
        factory: Any = MISSING
        if isinstance(given, Field):
            given, factory = given.default, given.default_factory
        if factory is not MISSING:
            scope[default] = factory
            parameters.append(f"{name}=_MISSING")
            value = f"{default}() if {name} is _MISSING else {name}"
        elif given is not MISSING:
            scope[default] = given
            parameters.append(f"{name}={default}")
        else:
            parameters.append(name)
        scope[f"_set_{name}"] = getattr(made, name).__set__  # the quickest way past __setattr__
        lines.append(f" {assignment.format(name, value)}\n")
    exec(f"def __init__({', '.join(parameters)}):\n{''.join(lines)}", scope)  # noqa: S102 - names of fields
    init: Callable[..., None] = scope["__init__"]
    init.__qualname__ = f"{made.__qualname__}.__init__"
    return init


def _repr(self: Any) -> str:
    shown = (f"{each.name}={getattr(self, each.name)!r}" for each in fields(self) if each.repr)
    return f"{type(self).__qualname__}({', '.join(shown)})"


def _reduce(self: Any) -> tuple[type, tuple[Any, ...]]:
    return type(self), tuple(getattr(self, name) for name in self.__match_args__)


def _refuse(self: object, name: str, *_value: object) -> NoReturn:
    message = f"{type(self).__name__} is frozen: {name!r} cannot be changed"
    raise FrozenInstanceError(message)


class _RecordType(type):
    """Makes the annotations of a class the items of its tuples."""

    def __new__(cls, name: str, bases: tuple[type, ...], members: dict[str, Any]) -> Any:
        names = tuple(members.get("__annotations__", ()))
        defaults = {name: members.pop(name) for name in names if name in members}
        members |= {"__slots__": (), "__match_args__": names, "_fields": names}
        members |= {"_field_defaults": defaults}
        members |= {name: _tuplegetter(index, "") for index, name in enumerate(names)}
        return super().__new__(cls, name, bases, members)


if not TYPE_CHECKING:

    class NamedTuple(tuple, metaclass=_RecordType):
        """What all records are that are tuples; as that of :mod:`typing`, but made sooner."""

        __slots__ = ()

        def __new__(cls, *args: Any, **kwargs: Any) -> Any:
            """Return a tuple of the arguments, which are the fields in their order."""
            if len(args) == len(cls._fields) and not kwargs:
                return tuple.__new__(cls, args)
            cls.__new__ = _compile_new(cls)
            return cls.__new__(cls, *args, **kwargs)

        def __getnewargs__(self) -> tuple[Any, ...]:
            return tuple(self)

        def __repr__(self) -> str:
            shown = (f"{name}={value!r}" for name, value in self._asdict().items())
            return f"{type(self).__name__}({', '.join(shown)})"

        def _asdict(self) -> dict[str, Any]:
            return dict(zip(self._fields, self, strict=True))

        def _replace(self, **changes: Any) -> Any:
            return type(self)(**{**self._asdict(), **changes})


def _compile_new(cls: Any) -> staticmethod[..., Any]:
    """Return the ``__new__`` that takes the fields of *cls* in their order."""
    scope = {f"_default_{name}": value for name, value in cls._field_defaults.items()}
    parameters = (
        f"{name}=_default_{name}" if name in cls._field_defaults else name for name in cls._fields
    )
    values = "".join(f"{name}, " for name in cls._fields)
    function = f"lambda _cls, {', '.join(parameters)}: _new(_cls, ({values}))"
    made = eval(function, {**scope, "_new": tuple.__new__})  # noqa: S307 - names of fields
    made.__name__, made.__qualname__ = "__new__", f"{cls.__qualname__}.__new__"
    return staticmethod(made)
