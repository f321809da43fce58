"""Names to lazily imported things, with a did-you-mean for a miss and an error for a collision.

>>> things: Registry[object] = Registry("thing")
>>> things.add("path", "pathlib:Path")
>>> things.get("path").__name__
'Path'
"""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Iterator
from importlib.metadata import entry_points
from typing import Generic, TypeVar, cast

from bench.codec import Method
from bench.errors import BenchError, UnknownName

T = TypeVar("T")


def import_target(target: str) -> object:
    """Import ``module:attribute``.

    Raises:
        BenchError: The target is malformed, its module cannot be imported, or the attribute is missing.
    """
    module, _, attribute = target.partition(":")
    if not module or not attribute:
        raise BenchError(f"{target!r} is not of the form package.module:Name.")
    try:
        found = importlib.import_module(module)
    except Exception as error:  # a plug-in may fail in any way; one that does must not take the others with it
        raise BenchError(f"{target!r} cannot be imported: {type(error).__name__}: {error}.") from error
    try:
        return cast(object, getattr(found, attribute))
    except AttributeError as error:
        raise BenchError(f"Module {module!r} has no {attribute!r}.") from error


class Registry(Generic[T]):
    """Name to lazy target.

    Args:
        kind: What is registered, for messages.
        group: Entry-point group that plug-ins announce themselves in.
    """

    def __init__(self, kind: str, group: str | None = None) -> None:
        self.kind = kind
        self.group = group
        self._targets: dict[str, str] = {}
        self._origins: dict[str, str] = {}
        self._loaded: dict[str, T] = {}
        self._scanned = group is None

    def add(self, name: str, target: str, origin: str = "dic-bench") -> None:
        """Register ``name`` for ``module:attribute``, imported when first asked for.

        Raises:
            BenchError: Another target holds the name already.
        """
        held = self._targets.get(name)
        if held is not None and held != target:
            both = f"{held} (from {self._origins[name]}) and {target} (from {origin})"
            raise BenchError(f"Two {self.kind}s are called {name!r}: {both}.")
        self._targets[name] = target
        self._origins[name] = origin

    def get(self, name: str) -> T:
        """Import and return what ``name`` stands for.

        Raises:
            UnknownName: Nothing has that name; the sentence suggests near ones.
        """
        self._scan()
        if name not in self._targets:
            near = difflib.get_close_matches(name, self._targets, n=3)
            hint = f"did you mean {' or '.join(near)}?" if near else f"known: {', '.join(sorted(self._targets))}."
            raise UnknownName(f"There is no {self.kind} {name!r}; {hint}")
        if name not in self._loaded:
            self._loaded[name] = cast(T, import_target(self._targets[name]))
        return self._loaded[name]

    def origin(self, name: str) -> str:
        """Return which distribution registered ``name``."""
        self._scan()
        return self._origins[name]

    def __contains__(self, name: object) -> bool:
        self._scan()
        return name in self._targets

    def __iter__(self) -> Iterator[str]:
        self._scan()
        return iter(self._targets)

    def _scan(self) -> None:
        if self._scanned or self.group is None:
            return
        self._scanned = True
        for point in entry_points(group=self.group):
            origin = point.dist.name if point.dist is not None else "an unnamed distribution"
            self.add(point.name, point.value, origin)


methods: Registry[Method] = Registry("method", group="dic_bench.methods")
for _name in ("balle2018", "ndic", "balle2017", "ldmic", "atn", "dsin", "cdc", "dicm", "spdic", "mdic"):
    methods.add(_name, f"methods.{_name}:METHOD")
for _name in ("jpeg", "jpeg2000", "webp", "avif", "heic"):
    methods.add(_name, f"methods.classical:{_name.upper()}")
for _name in ("copy-y", "warp-y", "grey"):
    methods.add(_name, f"methods.controls:{_name.upper().replace('-', '_')}")

foundations: Registry[Method] = Registry("foundation")
"""Networks that codecs stand on and that this project trains; none of them codes anything."""

foundations.add("synth-ldm", "methods.synth_ldm:METHOD")
