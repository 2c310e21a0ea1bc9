"""The rules of the house that no linter knows: each takes a file's text and says what is wrong with it, where."""

import ast
import gc
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

MAX_LINES = 300
FORBIDDEN_MODULES = {"util", "utils", "helper", "helpers", "common", "misc", "shared", "base"}
FORBIDDEN_CLASSES = re.compile(r"Manager|Helper|Util|^Base[A-Z]|^Abstract[A-Z]")
IMPURE_MODULES = {
    *(
        "asyncio",
        "concurrent",
        "io",
        "logging",
        "multiprocessing",
        "os",
        "pathlib",
        "queue",
        "random",
        "sched",
    ),
    *(
        "secrets",
        "select",
        "selectors",
        "signal",
        "socket",
        "ssl",
        "subprocess",
        "sys",
        "tempfile",
        "threading",
    ),
    *("time", "urllib", "http"),
}
IMPURE_CALLS = {"now", "utcnow", "today", "uuid1", "uuid4", "open", "input", "print"}
DURATION_WORD = re.compile(r"(?:^|_)(timeout|delay|interval|retention|backoff|period|duration)(?:_|$)", re.I)
UNIT_LAST = re.compile(r"_(seconds|ms|us|ns|minutes|hours|days)$", re.I)

OPEN_CLASSES = {"bool", "bytes", "dict", "float", "int", "list", "str", "tuple"}
MONEY_WORD = re.compile(r"amount|money|minor|captured|refunded|reserved|balance", re.I)

# Bracketed letters keep this file itself clean.
FORBIDDEN_TEXT = {
    "a machine's path": re.compile(
        r"/[w]ork/|/[r]oot/|/home/[a-z]+/|/[U]sers/[a-z]+|/opt/[w]heels|\.\./[s]hared"
    ),
    "a package registry's address": re.compile(
        r"[p]ypi\.org/simple|[f]iles\.pythonhosted|[r]egistry\.npmjs|[r]epo1?\.maven|--[i]ndex-url|--[f]ind-links"
    ),
    "a document that is not here": re.compile(r"\b(?:[c]ontract|[d]esign|[r]untime|[l]ibraries)\.md\b"),
    "work left over": re.compile(r"\b(?:[T]ODO|[F]IXME)\b"),
}


@dataclass(frozen=True, slots=True)
class Finding:
    line: int
    problem: str


@lru_cache(maxsize=1024)
def _tree(text: str) -> ast.Module:
    """Parsed once for all rules. A garbage collection in the middle trips CPython 3.11's count of the depth."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        return ast.parse(text)
    finally:
        if collecting:
            gc.enable()


def too_long(text: str) -> Iterator[Finding]:
    lines = text.count("\n")
    if lines > MAX_LINES:
        yield Finding(lines, f"{lines} lines, {MAX_LINES} at most")


def no_docstring(text: str) -> Iterator[Finding]:
    if ast.get_docstring(_tree(text)) is None:
        yield Finding(1, "a module says what it is for")


def empty_names(text: str, module: str) -> Iterator[Finding]:
    """`module` is the file's stem, or its package's name for `__init__`."""
    if module in FORBIDDEN_MODULES:
        yield Finding(1, f"a module called {module} can hold anything")
    for node in ast.walk(_tree(text)):
        if isinstance(node, ast.ClassDef) and FORBIDDEN_CLASSES.search(node.name):
            yield Finding(node.lineno, f"{node.name} says nothing of what it does")


def floats(text: str) -> Iterator[Finding]:
    """Where money is defined nothing is a float: no name of the type, no literal, no true division."""
    for node in ast.walk(_tree(text)):
        match node:
            case ast.Name(id="float", lineno=line):
                yield Finding(line, "float")
            case ast.Constant(value=float(), lineno=line):
                yield Finding(line, "a float literal")
            case ast.BinOp(op=ast.Div(), lineno=line) | ast.AugAssign(op=ast.Div(), lineno=line):
                yield Finding(line, "a true division makes a float")
            case _:
                pass


def money_as_float(text: str) -> Iterator[Finding]:
    """What is called an amount is declared as no float, is not made one, and is not divided into one."""
    for node in ast.walk(_tree(text)):
        match node:
            case (
                ast.AnnAssign(target=ast.Name(id=name), annotation=ast.expr() as kind, lineno=line)
                | ast.arg(arg=name, annotation=ast.expr() as kind, lineno=line)
            ):
                a_time = name.endswith("_at")
                wrong = bool(MONEY_WORD.search(name)) and "float" in _names(kind) and not a_time
            case ast.Call(func=ast.Name(id="float"), args=[ast.expr() as of], lineno=line):
                wrong = bool(MONEY_WORD.search(ast.unparse(of)))
            case ast.BinOp(op=ast.Div(), lineno=line):
                wrong = bool(MONEY_WORD.search(ast.unparse(node)))
            case _:
                continue
        if wrong:
            yield Finding(line, f"money as a float: {ast.unparse(node)}")


def impurities(text: str) -> Iterator[Finding]:
    """The rules of payments see the standard library's pure part and themselves; now and chance are arguments."""
    for node in ast.walk(_tree(text)):
        match node:
            case ast.Import(names=names, lineno=line):
                modules = [alias.name for alias in names]
            case ast.ImportFrom(module=str(module), level=0, lineno=line):
                modules = [module]
            case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name), lineno=line) if (
                name in IMPURE_CALLS
            ):
                yield Finding(line, f"{name}() is not the same twice")
                continue
            case _:
                continue
        for module in modules:
            top = module.partition(".")[0]
            own = module == "gateway.domain" or module.startswith("gateway.domain.")
            if not own and (top not in sys.stdlib_module_names or top in IMPURE_MODULES):
                yield Finding(line, f"imports {module}")


def unexplained_catches(text: str) -> Iterator[Finding]:
    """Whoever catches everything raises it again, or says why: in a comment above, beside or first inside."""
    lines = text.splitlines()
    for node in ast.walk(_tree(text)):
        if not isinstance(node, ast.ExceptHandler) or not _catches_everything(node.type):
            continue
        beside = lines[node.lineno - 1].partition("#")[2].strip()
        above, inside = lines[node.lineno - 2].strip(), lines[node.lineno].strip()
        again = isinstance(node.body[-1], ast.Raise) and node.body[-1].exc is None
        said = (
            again
            or (beside and not beside.startswith("noqa"))
            or above.startswith("#")
            or inside.startswith("#")
        )
        if not said:
            yield Finding(node.lineno, "catches everything without a reason")


def _catches_everything(caught: ast.expr | None) -> bool:
    match caught:
        case None | ast.Name(id="Exception" | "BaseException"):
            return True
        case ast.Tuple(elts=elements):
            return any(_catches_everything(element) for element in elements)
        case _:
            return False


def durations_without_unit(text: str) -> Iterator[Finding]:
    """A number that is a duration ends with its unit, as a constant and as a field alike."""
    for node in ast.walk(_tree(text)):
        match node:
            case ast.Assign(
                targets=[ast.Name(id=name)], value=ast.Constant(value=int() | float()), lineno=line
            ):
                pass
            case ast.AnnAssign(target=ast.Name(id=name), annotation=kind, lineno=line) if _is_number(kind):
                pass
            case _:
                continue
        if DURATION_WORD.search(name) and not UNIT_LAST.search(name):
            yield Finding(line, f"{name} does not end with its unit")


def _is_number(kind: ast.expr) -> bool:
    return bool(_names(kind) & {"int", "float"})


def _names(expression: ast.expr) -> set[str]:
    return {node.id for node in ast.walk(expression) if isinstance(node, ast.Name)}


def open_matches(text: str) -> Iterator[Finding]:
    """A match over the members of a union ends where mypy can prove that none is left.

    Exceptions and the types of plain JSON are no union of ours: they end in whatever is said of the rest.
    """
    for node in ast.walk(_tree(text)):
        if not isinstance(node, ast.Match):
            continue
        classes = {name for case in node.cases for name in _classes(case.pattern)}
        open_world = bool(classes & OPEN_CLASSES) or all(name.endswith("Error") for name in classes)
        called = {call.func.id for call in _calls(node.cases[-1]) if isinstance(call.func, ast.Name)}
        if not open_world and "assert_never" not in called:
            yield Finding(node.lineno, "a match over classes that does not end in assert_never")


def _classes(pattern: ast.pattern) -> Iterator[str]:
    """The classes that a case is about, not those inside a sequence or mapping."""
    match pattern:
        case ast.MatchClass(cls=named):
            yield ast.unparse(named)
        case ast.MatchOr(patterns=patterns):
            for each in patterns:
                yield from _classes(each)
        case ast.MatchAs(pattern=ast.pattern() as inner):
            yield from _classes(inner)
        case _:
            pass


def _calls(case: ast.match_case) -> Iterator[ast.Call]:
    for statement in case.body:
        yield from (node for node in ast.walk(statement) if isinstance(node, ast.Call))


def mocks(text: str) -> Iterator[Finding]:
    for node in ast.walk(_tree(text)):
        match node:
            case ast.ImportFrom(module="unittest.mock" | "mock", lineno=line):
                yield Finding(line, "a mock")
            case ast.Import(names=names, lineno=line) if any(
                "mock" in alias.name.split(".") for alias in names
            ):
                yield Finding(line, "a mock")
            case _:
                pass


def forbidden_text(text: str) -> Iterator[Finding]:
    for number, line in enumerate(text.splitlines(), 1):
        for what, pattern in FORBIDDEN_TEXT.items():
            if found := pattern.search(line):
                yield Finding(number, f"{what}: {found.group()}")
