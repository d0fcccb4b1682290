"""Small faults that a test should notice: every one that can be put into a Python source, one at a time.

Used by `scripts/mutate.py`. What only words a text (docstrings, annotations, what is raised) is left as it is.
"""

import ast
import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

_COMPARISONS: Final[dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]]] = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
_ARITHMETIC: Final[dict[type[ast.operator], type[ast.operator]]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.FloorDiv,
    ast.FloorDiv: ast.Mult,
    ast.Div: ast.Mult,
    ast.Mod: ast.FloorDiv,
    ast.Pow: ast.Mult,
    ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
    ast.BitOr: ast.BitAnd,
    ast.BitAnd: ast.BitOr,
}
_CALLS: Final = {"min": "max", "max": "min", "any": "all", "all": "any"}
_UNTOUCHED: Final = {"annotation", "returns", "decorator_list", "type_params", "bases"}


@dataclass(frozen=True)
class Mutant:
    """A source with one fault."""

    line: int
    fault: str
    """What was there, and what is there now."""
    source: str


def mutants(source: str) -> list[Mutant]:
    """Return every mutant of a source, in the order of its lines.

    Raises
    ------
    SyntaxError
        If the source is no Python.
    """
    tree = ast.parse(source)
    found: list[Mutant] = []
    for path in list(_paths(tree)):
        node = _at(tree, path)
        for new in _faults(node):
            changed = copy.deepcopy(tree)
            _replace(changed, path, new)
            fault = f"{_text(node)} -> {_text(new)}"
            line = int(getattr(node, "lineno", 0))
            found.append(Mutant(line=line, fault=fault, source=ast.unparse(ast.fix_missing_locations(changed))))
    return sorted(found, key=lambda mutant: mutant.line)


type _Path = tuple[tuple[str, int | None], ...]


def _paths(node: ast.AST, path: _Path = ()) -> Iterator[_Path]:
    yield path
    if isinstance(node, ast.Raise | ast.Assert | ast.TypeAlias | ast.Import | ast.ImportFrom | ast.JoinedStr):
        return
    for field, value in ast.iter_fields(node):
        if field in _UNTOUCHED or (isinstance(node, ast.ClassDef) and field == "keywords"):
            continue
        if isinstance(value, list):
            for index, child in enumerate(value):
                if isinstance(child, ast.AST) and not _is_docstring(child):
                    yield from _paths(child, (*path, (field, index)))
        elif isinstance(value, ast.AST):
            yield from _paths(value, (*path, (field, None)))


def _is_docstring(node: ast.AST) -> bool:
    """Whether a statement is a text, or a member of a protocol without a body."""
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _at(tree: ast.AST, path: _Path) -> ast.AST:
    node: ast.AST = tree
    for field, index in path:
        value = getattr(node, field)
        node = value if index is None else value[index]
    return node


def _replace(tree: ast.AST, path: _Path, new: ast.AST) -> None:
    parent = _at(tree, path[:-1])
    field, index = path[-1]
    if index is None:
        setattr(parent, field, new)
    else:
        getattr(parent, field)[index] = new


def _text(node: ast.AST) -> str:
    return " ".join(ast.unparse(node).split())[:70]


def _faults(node: ast.AST) -> Iterator[ast.AST]:
    faults = _FAULTS.get(type(node))
    return faults(node) if faults else iter(())


def _compare(node: ast.Compare) -> Iterator[ast.AST]:
    for index, operator in enumerate(node.ops):
        for other in _COMPARISONS[type(operator)]:
            ops = [*node.ops[:index], other(), *node.ops[index + 1 :]]
            yield ast.Compare(node.left, ops, node.comparators)


def _binary(node: ast.BinOp) -> Iterator[ast.AST]:
    other = _ARITHMETIC.get(type(node.op))
    if other is not None:
        yield ast.BinOp(node.left, other(), node.right)


def _boolean(node: ast.BoolOp) -> Iterator[ast.AST]:
    yield ast.BoolOp(ast.Or() if isinstance(node.op, ast.And) else ast.And(), node.values)


def _unary(node: ast.UnaryOp) -> Iterator[ast.AST]:
    if isinstance(node.op, ast.Not | ast.USub):
        yield node.operand


def _constant(node: ast.Constant) -> Iterator[ast.AST]:
    value = node.value
    if isinstance(value, bool):
        yield ast.Constant(not value)
    elif isinstance(value, int):
        yield ast.Constant(value + 1)
        yield ast.Constant(value - 1)
    elif isinstance(value, str):
        yield ast.Constant(f"{value}?")
    elif isinstance(value, bytes):
        yield ast.Constant(value + b"?")


def _call(node: ast.Call) -> Iterator[ast.AST]:
    if isinstance(node.func, ast.Name) and node.func.id in _CALLS:
        yield ast.Call(ast.Name(_CALLS[node.func.id], ast.Load()), node.args, node.keywords)


def _choice(node: ast.If | ast.While) -> Iterator[ast.AST]:
    for never in (True, False):
        if not (isinstance(node, ast.While) and never):
            yield type(node)(ast.Constant(never), node.body, node.orelse)


def _either(node: ast.IfExp) -> Iterator[ast.AST]:
    yield node.body
    yield node.orelse


def _comprehension(node: ast.comprehension) -> Iterator[ast.AST]:
    for index in range(len(node.ifs)):
        ifs = [*node.ifs[:index], *node.ifs[index + 1 :]]
        yield ast.comprehension(node.target, node.iter, ifs, node.is_async)


def _returned(node: ast.Return) -> Iterator[ast.AST]:
    if node.value is not None and not (isinstance(node.value, ast.Constant) and node.value.value is None):
        yield ast.Return(ast.Constant(None))


def _nothing(_node: ast.stmt) -> Iterator[ast.AST]:
    yield ast.Pass()


def _jump(node: ast.Break | ast.Continue) -> Iterator[ast.AST]:
    yield ast.Continue() if isinstance(node, ast.Break) else ast.Break()


_FAULTS: Final[dict[type[ast.AST], Callable[..., Iterator[ast.AST]]]] = {
    ast.Compare: _compare,
    ast.BinOp: _binary,
    ast.BoolOp: _boolean,
    ast.UnaryOp: _unary,
    ast.Constant: _constant,
    ast.Call: _call,
    ast.If: _choice,
    ast.While: _choice,
    ast.IfExp: _either,
    ast.comprehension: _comprehension,
    ast.Return: _returned,
    ast.Expr: _nothing,
    ast.AugAssign: _nothing,
    ast.Delete: _nothing,
    ast.Raise: _nothing,
    ast.Break: _jump,
    ast.Continue: _jump,
}
