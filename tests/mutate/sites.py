"""Every small change of a module that could change a decision: the mutants of its syntax tree."""

import ast
import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Final

_COMPARED: Final[dict[type[ast.cmpop], type[ast.cmpop]]] = {
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
}
_COMPUTED: Final[dict[type[ast.operator], type[ast.operator]]] = {
    ast.BitOr: ast.BitAnd,
    ast.BitAnd: ast.BitOr,
    ast.Sub: ast.Add,
    ast.Add: ast.Sub,
}
_CALLED: Final = {"any": "all", "all": "any", "max": "min", "min": "max"}


@dataclass(frozen=True)
class Mutant:
    """One change: where it is, the source line there, what is done, and the changed tree."""

    line: int
    text: str
    change: str
    tree: ast.Module

    @property
    def name(self) -> str:
        """What it is called: the line's text and the change, so that it survives moving lines."""
        return f"{self.text} :: {self.change}"


Change = tuple[str, Callable[[ast.AST], None]]


def mutants(source: str) -> Iterator[Mutant]:
    """Yield every mutant of a module."""
    tree, lines = ast.parse(source), source.splitlines()
    nodes = list(ast.walk(tree))
    left_out = _deciding_nothing(tree)
    for place, node in enumerate(nodes):
        for change, apply in _changes(node) if node not in left_out else ():
            changed = copy.deepcopy(tree)
            apply(list(ast.walk(changed))[place])
            line = _line(node)
            made = ast.fix_missing_locations(changed)
            yield Mutant(line, lines[line - 1].strip(), change, made)


def _line(node: ast.AST) -> int:
    """Return where a node stands; a part of a comprehension stands where what it goes over does."""
    if isinstance(node, ast.comprehension):
        return node.iter.lineno
    return int(getattr(node, "lineno", 1))


def _deciding_nothing(tree: ast.Module) -> set[ast.AST]:
    """Return what stands in decorators of classes and in annotations."""
    found: list[ast.AST] = []
    for node in ast.walk(tree):
        match node:
            case ast.ClassDef(decorator_list=decorators):
                found += decorators
            case (
                ast.AnnAssign(annotation=annotation) | ast.arg(annotation=ast.expr() as annotation)
            ):
                found.append(annotation)
            case ast.FunctionDef(returns=ast.expr() as returned):
                found.append(returned)
    return {node for one in found for node in ast.walk(one)}


def _changes(node: ast.AST) -> Iterator[Change]:
    yield from _of_operators(node)
    yield from _of_values(node)
    yield from _of_flow(node)


def _of_operators(node: ast.AST) -> Iterator[Change]:
    match node:
        case ast.Compare(ops=[one]) if type(one) in _COMPARED:
            to = _COMPARED[type(one)]
            yield f"{type(one).__name__} to {to.__name__}", partial(_set, "ops", [to()])
        case ast.BoolOp(op=op, values=values):
            other = ast.Or if isinstance(op, ast.And) else ast.And
            yield f"to {other.__name__}", partial(_set, "op", other())
            for index in range(len(values)):
                yield f"without operand {index}", partial(_drop, "values", index)
        case ast.BinOp(op=op) | ast.AugAssign(op=op) if type(op) in _COMPUTED:
            made = _COMPUTED[type(op)]
            yield f"{type(op).__name__} to {made.__name__}", partial(_set, "op", made())


def _of_values(node: ast.AST) -> Iterator[Change]:
    match node:
        case ast.Constant(value=bool() as value):
            yield f"{value} to {not value}", partial(_set, "value", not value)
        case ast.Call(func=ast.Name(id=name)) if name in _CALLED:
            called = ast.Name(id=_CALLED[name], ctx=ast.Load())
            yield f"{name} to {_CALLED[name]}", partial(_set, "func", called)
        case ast.Tuple(ctx=ast.Load(), elts=elements) if len(elements) > 1:
            if all(map(_is_check, elements)):
                for index in range(len(elements)):
                    yield f"without element {index}", partial(_drop, "elts", index)


def _of_flow(node: ast.AST) -> Iterator[Change]:
    match node:
        case ast.If() | ast.IfExp():
            yield "condition negated", partial(_negate, "test")
        case ast.Return(value=value) if _decides(value):
            yield "answer negated", partial(_negate, "value")
        case ast.Continue():
            yield "to break", _to_break
        case ast.comprehension(ifs=[_, *_]):
            yield "without its condition", partial(_set, "ifs", [])


def _decides(value: ast.AST | None) -> bool:
    return isinstance(value, ast.BoolOp | ast.UnaryOp | ast.Compare) or (
        isinstance(value, ast.Call)
        and isinstance(value.func, ast.Name)
        and value.func.id in ("any", "all", "bool", "isinstance")
    )


def _is_check(node: ast.expr) -> bool:
    match node:
        case ast.Starred(value=value):
            return _is_check(value)
        case ast.Attribute(attr=name) | ast.Name(id=name):
            return name.isupper()
        case ast.Call(func=ast.Name(id="Check")):
            return True
        case ast.Tuple(elts=[ast.Constant(), ast.Name()]):
            return True
    return False


def _set(name: str, value: object, node: ast.AST) -> None:
    setattr(node, name, value)


def _drop(name: str, index: int, node: ast.AST) -> None:
    del getattr(node, name)[index]


def _negate(name: str, node: ast.AST) -> None:
    test = getattr(node, name)
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        setattr(node, name, test.operand)
    else:
        setattr(node, name, ast.UnaryOp(op=ast.Not(), operand=test))


def _to_break(node: ast.AST) -> None:
    node.__class__ = ast.Break
