"""Documents that are made from the code are as the code makes them."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.house.documents import DOCUMENTS
from tests.mutation.document import RECORD, explanations, known


@pytest.mark.parametrize(("path", "make"), DOCUMENTS.items(), ids=lambda it: getattr(it, "name", ""))
def test_a_generated_document_is_up_to_date(path: Path, make: Callable[[], str]) -> None:
    assert path.read_text(encoding="utf-8") == make(), "run `make generated`"


def test_only_what_survives_is_explained_and_all_of_it() -> None:
    samples = json.loads(RECORD.read_text(encoding="utf-8"))["samples"]
    left = {known(one) for sample in samples for one in sample["survivors"] if one["since"] == "survived"}
    assert set(explanations()) == left
