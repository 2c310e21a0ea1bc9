"""The mutants as they lie in mutmut's folder, where each function stands beside all its changed forms."""

import ast
import difflib
from collections.abc import Iterator
from pathlib import Path

ORIGINAL = "orig"


def function_of(mutant: str) -> str:
    """`gateway.domain.draft.xǁDraftǁcalm__mutmut_3` is of `gateway.domain.draft.Draft.calm`."""
    module, _, name = mutant.rpartition("__mutmut_")[0].rpartition(".")
    plain = name.removeprefix("x").replace("ǁ", ".").strip(".")
    return f"{module}.{plain if 'ǁ' in name else plain.removeprefix('_')}"


def changes(folder: Path, module: str) -> dict[str, str]:
    """The changed lines of each mutant of a module."""
    text = (folder / Path(*module.split("."))).with_suffix(".py").read_text(encoding="utf-8")
    lines, forms = text.splitlines(), dict[str, dict[str, list[str]]]()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and "__mutmut_" in node.name:
            function, _, number = node.name.rpartition("__mutmut_")
            body = [line.replace(node.name, function) for line in lines[node.lineno - 1 : node.end_lineno]]
            forms.setdefault(function, {})[number] = body
    return {
        f"{module}.{function}__mutmut_{number}": "\n".join(_differences(numbered[ORIGINAL], body))
        for function, numbered in forms.items()
        for number, body in numbered.items()
        if number != ORIGINAL
    }


def _differences(before: list[str], after: list[str]) -> Iterator[str]:
    for line in difflib.unified_diff(before, after, lineterm="", n=0):
        if line[:1] in "+-" and line[:3] not in ("+++", "---"):
            yield line
