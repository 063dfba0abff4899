"""What fields mean: the text that stands below each of them in its class.

Read from the source only when somebody asks: generators, and the message about a field that is missing. Pydantic can do
it while it makes the classes, but then each start of `ponte` pays for it (60 ms of CPU time, measured).
"""

from __future__ import annotations

import ast
import inspect
import itertools
import textwrap

from pydantic import BaseModel


def descriptions(model: type[BaseModel]) -> dict[str, str]:
    """Each described field of a model, its bases' included, by its name in Python."""
    classes = [cls for cls in reversed(model.__mro__) if issubclass(cls, BaseModel) and cls is not BaseModel]
    return {name: text for cls in classes for name, text in _written_in(cls).items()}


def _written_in(cls: type[BaseModel]) -> dict[str, str]:
    (definition,) = ast.parse(textwrap.dedent(inspect.getsource(cls))).body
    if not isinstance(definition, ast.ClassDef):
        return {}
    found = {}
    for statement, following in itertools.pairwise(definition.body):
        match statement, following:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(text))):
                found[name] = inspect.cleandoc(text)
    return found
