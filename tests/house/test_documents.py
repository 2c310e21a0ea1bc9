"""Documents that are made from the code are as the code makes them."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.chart import documents as chart
from tests.house.documents import DOCUMENTS, ROOT
from tests.mutation.document import RECORD, explanations, known


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


def test_only_what_survives_is_explained_and_all_of_it() -> None:
    samples = json.loads(RECORD.read_text(encoding="utf-8"))["samples"]
    left = {known(one) for sample in samples for one in sample["survivors"] if one["since"] == "survived"}
    assert set(explanations()) == left
