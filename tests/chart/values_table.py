"""The tables of the chart's README: its values as `values.yaml` describes them, and the gateway's settings."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from gateway.settings.variables import Variables, known_variables
from tests.chart.values_schema import MANAGED, camel
from tests.house import markdown

CHART = Path(__file__).resolve().parents[2] / "helm" / "pos-gateway"
_MARK = re.compile(r"^ *# -- ?(.*)$")
_MORE = re.compile(r"^ *# ?(.*)$")


def readme() -> str:
    """The README with its tables made anew."""
    text = (CHART / "README.md").read_text(encoding="utf-8")
    for name, table in (("values", values_table()), ("settings", settings_table())):
        begin, end = f"<!-- made by make generated: {name} -->", f"<!-- end of {name} -->"
        before, _, rest = text.partition(begin)
        _, _, after = rest.partition(end)
        text = f"{before}{begin}\n{table}\n{end}{after}"
    return text


def values_table() -> str:
    rows = ((f"`{key}`", f"`{default}`", _cell(told)) for key, default, told in described())
    return markdown.table(("value", "default", "what it is"), rows)


def described() -> Iterator[tuple[str, str, str]]:
    """Key, default and description of each value. Raises where one has none."""
    text = (CHART / "values.yaml").read_text(encoding="utf-8")
    yield from _described(yaml.compose(text, yaml.SafeLoader), text.splitlines(), "")


def _described(node: Any, lines: list[str], prefix: str) -> Iterator[tuple[str, str, str]]:
    for key, value in node.value:
        name, told = f"{prefix}{key.value}", _above(lines, key.start_mark.line)
        inner = isinstance(value, yaml.MappingNode) and value.value
        if told and not (inner and not _is_leaf(value, lines)):
            yield name, json.dumps(_plain(value), ensure_ascii=False), told
        elif inner:
            yield from _described(value, lines, f"{name}.")
        else:
            raise ValueError(f"values.yaml: {name} has no line that begins with `# --`")


def _is_leaf(node: yaml.MappingNode, lines: list[str]) -> bool:
    """None of what stands in it is described by itself."""
    return not any(_above(lines, key.start_mark.line) for key, _ in node.value)


def _above(lines: list[str], number: int) -> str:
    """The comment right above a line, from its `# --` on."""
    said: list[str] = []
    while number > 0 and (more := _MORE.match(lines[number - 1])):
        number -= 1
        if mark := _MARK.match(lines[number]):
            return " ".join([mark[1], *reversed(said)])
        said.append(more[1])
    return ""


def _plain(node: yaml.Node) -> Any:
    return yaml.safe_load(yaml.serialize(node))


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def settings_table() -> str:
    return markdown.table(("setting", "variable", "default of the gateway"), _settings())


def _settings() -> Iterator[tuple[str, str, str]]:
    for name, path in known_variables().items():
        field = Variables.model_fields[path[0]]
        if len(path) == 2:
            field = field.annotation.model_fields[path[1]]  # type: ignore[union-attr]
        secret = "SecretStr" in str(field.annotation)
        if name in MANAGED:
            where = f"by `{MANAGED[name]}`"
        elif secret:
            where = "in the Secret"
        else:
            where = "`settings." + ".".join(map(camel, path)) + "`"
        default = "required" if field.is_required() else f"`{_shown(field.default)}`"
        yield where, f"`{name}`", "" if field.default is None else default


def _shown(default: Any) -> str:
    """As YAML has it."""
    return str(default).lower() if isinstance(default, bool) else str(default)
