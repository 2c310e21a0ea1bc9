"""Which mutants the histories catch: `python -m tests.mutation.histories NAMES...`, where the mutants lie."""

import os
import signal
import sys

from tests.simulation.__main__ import broken, hush, plan_of

SEEDS = range(1, 5)
SECONDS = 120


def verdict(mutant: str) -> str:
    """`killed` or `survived`; the mutant is active in this process from here on."""
    os.environ["MUTANT_UNDER_TEST"] = mutant
    return "killed" if any(broken(plan_of(seed)) for seed in SEEDS) else "survived"


def main(mutants: list[str]) -> None:
    """A process for each, which has everything imported already; one that hangs is caught too."""
    hush()
    for mutant in mutants:
        reader, writer = os.pipe()
        child = os.fork()
        if not child:
            signal.alarm(SECONDS)
            os.write(writer, verdict(mutant).encode())
            os._exit(0)
        os.close(writer)
        with os.fdopen(reader) as said:
            print(mutant, said.read() or "killed", flush=True)
        os.waitpid(child, 0)


if __name__ == "__main__":
    main(sys.argv[1:])
