"""All dashboards, and the files that `make generated` writes them to."""

from collections.abc import Callable
from functools import partial

from deploy.grafana import objectives, overview, provider, runtime
from deploy.grafana.board import written

BOARDS = (overview.BOARD, provider.BOARD, runtime.BOARD, objectives.BOARD)
FILES: dict[str, Callable[[], str]] = {
    f"{board.uid.removeprefix('pos-gateway-')}.json": partial(written, board, BOARDS) for board in BOARDS
}
