"""Refuse binary floating point where money is counted.

In `tegro` and `tegro_localnet` the name `float` may stand only in the annotation of something named `*_secs`, and a
float literal may not reach `Decimal(...)`. Prints each offence as `file:line: sentence` and exits 1 if there is one.
"""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

ROOTS = ("packages/tegro/src", "packages/tegro-localnet/src")


def annotated_secs(node: ast.AST) -> Iterator[ast.AST]:
    """Yield the annotations that belong to a name ending in `_secs`."""
    for child in ast.walk(node):
        match child:
            case ast.arg(arg=name, annotation=annotation) if annotation and name.lower().endswith("_secs"):
                yield annotation
            case ast.AnnAssign(target=ast.Name(id=name) | ast.Attribute(attr=name), annotation=annotation) if (
                name.lower().endswith("_secs")
            ):
                yield annotation
            case ast.FunctionDef(name=name, returns=returns) | ast.AsyncFunctionDef(name=name, returns=returns) if (
                returns and name.endswith("_secs")
            ):
                yield returns


def offences(path: Path) -> Iterator[tuple[int, str]]:
    """Yield line and sentence for each use of binary floating point that the rule forbids."""
    tree = ast.parse(path.read_text(), str(path))
    allowed = {id(name) for annotation in annotated_secs(tree) for name in ast.walk(annotation)}
    for node in ast.walk(tree):
        match node:
            case ast.Name(id="float") if id(node) not in allowed:
                yield node.lineno, "`float` may only be the type of a name that ends in `_secs`"
            case ast.Call(func=ast.Name(id="Decimal"), args=[ast.Constant(value=float())]):
                yield node.lineno, "a float literal is no exact number: write Decimal('...')"


def main() -> int:
    """Check every module; return the exit code."""
    found = [
        f"{path}:{line}: {sentence}"
        for root in ROOTS
        for path in sorted(Path(root).rglob("*.py"))
        for line, sentence in offences(path)
    ]
    print("\n".join(found) or "no float where money is counted")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
