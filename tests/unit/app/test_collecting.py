"""The collector looks at what is new, and at no payment twice."""

import json
import subprocess
import sys

PROGRAM = """
import gc, json, weakref
from gateway.app.collecting import collect_seldom

class Node:
    pass

def cycle():
    node = Node()
    node.own = node
    return weakref.ref(node)

looked_at, frozen = [], []
collect_seldom()
def note(phase, about):
    if about["generation"] == 2:
        if phase == "start":
            looked_at.append(len(gc.get_objects()))
        else:
            frozen.append(gc.get_freeze_count())
gc.callbacks.append(note)
kept, lost = [], []
for number in range(2_000_000):
    kept.append([number])
    if number % 1000 == 0:
        lost.append(cycle())
for number in range(0, len(kept), 2):
    kept[number] = None
gc.collect()
print(json.dumps([looked_at, frozen, sum(one() is not None for one in lost)]))
"""


def test_a_full_look_is_at_what_came_since_the_last_one_and_finds_the_cycles_in_it() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    looked_at, frozen, cycles_left = json.loads(done.stdout)
    assert len(looked_at) >= 3 and max(looked_at) < 1_000_000
    assert max(frozen) > 1_500_000 and frozen[-1] < max(frozen), (
        "what is not looked at is still freed when it goes"
    )
    assert cycles_left == 0
