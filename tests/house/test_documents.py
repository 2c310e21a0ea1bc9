"""Documents that are made from the code are as the code makes them."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.chart import documents as chart
from tests.house.documents import DOCUMENTS, ROOT


@pytest.mark.parametrize(("path", "make"), DOCUMENTS.items(), ids=lambda it: getattr(it, "name", ""))
def test_a_generated_document_is_up_to_date(path: Path, make: Callable[[], str]) -> None:
    assert path.read_text(encoding="utf-8") == make(), "run `make generated`"


def test_nothing_lies_among_the_published_files_that_is_not_published() -> None:
    folder = ROOT / "schemas"
    found = {path for path in folder.rglob("*") if path.is_file() and folder / "released" not in path.parents}
    assert found == {path for path in DOCUMENTS if path.is_relative_to(folder)}


def test_the_chart_has_copies_of_what_there_is_and_of_nothing_that_is_gone() -> None:
    differ = [
        path
        for path, original in chart.copies().items()
        if not path.exists() or path.read_bytes() != original.read_bytes()
    ]
    assert (differ, chart.strays()) == ([], []), "run `make generated`"
