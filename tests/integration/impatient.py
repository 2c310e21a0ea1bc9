"""`pos-gateway` as it is, but for how long it looks on: for tests that cannot wait a minute for each stall.

The bounds themselves are held by the unit tests of `gateway.observability.health`; only what is started here has
shorter ones.
"""

from gateway.cli import main
from gateway.observability import health

LOOP_SILENCE_SECONDS = 2.0
NO_PROGRESS_SECONDS = 4.0

if __name__ == "__main__":
    health.LOOP_SILENCE_SECONDS = LOOP_SILENCE_SECONDS  # type: ignore[misc]
    health.NO_PROGRESS_SECONDS = NO_PROGRESS_SECONDS  # type: ignore[misc]
    main()
