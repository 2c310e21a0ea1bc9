"""deploy/docs/licences.md: under what licence each package comes that the service runs with."""

import re
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path
from typing import Final

from tests.house import markdown

ROOT: Final = Path(__file__).resolve().parents[2]
DOCUMENT: Final = ROOT / "deploy" / "docs" / "licences.md"
ALLOWED: Final = frozenset(
    {"Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "ISC", "MIT", "MPL-2.0", "PSF-2.0", "Unlicense"}
)
"""Each lets the service be used, changed and passed on, as a whole under a licence of its own."""

_SPELT: Final = {
    "Apache 2": "Apache-2.0",
    "Apache License 2.0": "Apache-2.0",
    "Apache Software License": "Apache-2.0",
    "3-Clause BSD License": "BSD-3-Clause",
    "BSD License": "BSD-3-Clause",
    "BSD": "BSD-3-Clause",
    "ISC License (ISCL)": "ISC",
    "MIT License": "MIT",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Python Software Foundation License": "PSF-2.0",
}
_HEAD: Final = """# Licences

Made by `make generated` from the metadata of what `requirements/image.txt` pins; a test compares, and refuses a
licence that is not among these: {allowed}.

{table}
"""


def pinned() -> list[str]:
    text = (ROOT / "requirements" / "image.txt").read_text(encoding="utf-8")
    return sorted(re.findall(r"^([a-z0-9][a-z0-9._-]*)==", text, re.MULTILINE))


def licence(package: str) -> str | None:
    """As an SPDX expression where its makers wrote one; None where it is not installed here."""
    try:
        told = metadata(package)
    except PackageNotFoundError:
        return None
    expression = told.get("License-Expression")
    if expression:
        return str(expression)
    classifiers = told.get_all("Classifier") or []
    named = [c.rpartition(" :: ")[2] for c in classifiers if c.startswith("License :: ")]
    text = (told.get("License") or "").strip()
    # A whole text of a licence in that field says no more than the classifier.
    short = text if text and "\n" not in text else ""
    names = [_SPELT.get(one, one) for one in (*named, short) if one and one != "OSI Approved"]
    return names[0] if names else "unknown"


def licences() -> dict[str, str]:
    """What is not installed here keeps what was written elsewhere."""
    before = dict(re.findall(r"^\| ([^ |]+) \| ([^|]+?) \|$", _written(), re.MULTILINE))
    return {package: licence(package) or before.get(package, "unknown") for package in pinned()}


def allowed(expression: str) -> bool:
    """Of several in one expression each must be allowed where both hold, one where there is a choice."""
    choices = re.split(r"\s+OR\s+", expression.replace("(", "").replace(")", ""))
    return any(set(re.split(r"\s+AND\s+", choice)) <= ALLOWED for choice in choices)


def document() -> str:
    table = markdown.table(("package", "licence"), licences().items())
    return _HEAD.format(allowed=", ".join(sorted(ALLOWED)), table=table)


def _written() -> str:
    return DOCUMENT.read_text(encoding="utf-8") if DOCUMENT.exists() else ""
