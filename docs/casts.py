"""An extension of griffe: a name that is a function cast to a type is documented as that function.

``background = cast("Background", _background)`` gives type checkers the overloads of a protocol; readers
need the parameters and the docstring of ``_background``.
"""

from __future__ import annotations

import ast
from typing import Any

import griffe


class Casts(griffe.Extension):
    """Replaces attributes by the functions that they are cast from."""

    def on_module_members(self, *, mod: griffe.Module, **_: Any) -> None:
        """Look through a module."""
        _replace(mod)

    def on_class_members(self, *, cls: griffe.Class, **_: Any) -> None:
        """Look through a class."""
        _replace(cls)


def _replace(owner: griffe.Module | griffe.Class) -> None:
    for name, member in list(owner.members.items()):
        if not isinstance(member, griffe.Attribute) or member.value is None:
            continue
        match ast.parse(str(member.value), mode="eval").body:
            case ast.Call(func=ast.Name(id="cast"), args=[_, ast.Name(id=cast)]):
                function = owner.members.get(cast)
                if isinstance(function, griffe.Function):
                    owner.set_member(name, _renamed(function, name))


def _renamed(function: griffe.Function, name: str) -> griffe.Function:
    renamed = griffe.Function(
        name,
        lineno=function.lineno,
        endlineno=function.endlineno,
        parameters=function.parameters,
        returns=function.returns,
        docstring=function.docstring,
        runtime=function.runtime,
    )
    renamed.labels = function.labels
    return renamed
