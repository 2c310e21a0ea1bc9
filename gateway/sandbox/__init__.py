"""The provider's simulator: the PoS API v10 on one machine, written from the API's documents alone.

It shares no code with the rest of the gateway, so that it can bear witness: a request it accepts is one that
the documents allow. It serves the token endpoint, payments (initiate, prepare, ready, capture, cancel, get,
list), refunds, points of sale, check-ins, stores and the user simulation. Everything lives in memory.

**Start**: `run(config, host, port, announce)` in `gateway.sandbox.server`; without sockets
`Sandbox(config, clock).handle(request)` in `gateway.sandbox.simulator`.

**Credentials**: any non-empty client id and secret, unless `clients` names some. A merchant is a VAT number,
in the header or in the token. `any_pos` registers an unknown posId on first sight (a beaconId is made up, see
`GET /pos/v10/pointofsales/{posId}`); without it such a posId is answered 1000. A store of the merchant
DK12345678 exists from the start.

**Customers** come by themselves and decide: seed, posId and orderId say how. An orderId that starts with one
of these words has its customer's behaviour forced:

=========
========================================================================================================
accept     somebody comes and approves partial    the same, by the user whose payments can be captured in part
decline    somebody comes and declines (CancelledByUser) ignore     somebody comes and decides nothing fail
somebody approves, but the reservation fails (CancelledByMobilePay) never      nobody comes manual     nobody
comes by themselves: for the user simulation =========
========================================================================================================

A refundOrderId that starts with `fail` is not reserved (CancelledByMobilePay). A user whose card a payment's
restrictions refuse cannot be charged: the reservation fails.

**The scenario file** (JSON, or TOML by its suffix) has the names of `SandboxConfig` in
`gateway.sandbox.config`, for example::

    {"seed": 7, "any_pos": true, "poll_delay_ms": [200, 1000],
     "customers": {"decline": 0.2, "never": 0.1, "check_in_seconds": [0.1, 1], "decision_seconds": [0.2, 2],
                   "rules": [{"order_id_prefix": "VIP", "behaviour": "accept", "user": "+4520031805"}]},
     "faults": {"latency_seconds": [0.005, 0.03],
                "probabilities": {"initiate": {"error_after": 0.05, "timeout_after": 0.05},
                                  "*": {"slow": 0.01}},
                "rules": [{"fault": "reset_after", "operation": "capture", "nth": 3},
                          {"fault": "timeout_before", "operation": "initiate", "attempt": 1}]}}

Faults: slow, error_before, error_after (500 before or after the effect), timeout_before, timeout_after (no
answer), late_effect (no answer, and the effect comes when the client has given up), reset_before, reset_after
(RST), throttled (429 with Retry-After), unauthorized (401), malformed_body, empty_body, wrong_content_type,
cut_body. Operations are the names in `gateway.sandbox.operations`; "*" is every one but the user simulation.

**Seeds**: behaviour, ids and faults depend on the seed and on what they are about, never on the order of
arrival (but for a rule's `nth` and `times`).

**Its own endpoints**, all under /_sandbox, without credentials:

=======================
========================================================================================== GET ledger
payments with their refunds as JSON lines; ?after=N&limit=M pages by `number`, ?orderId=… GET ledger/totals
counts per status and sums per currency, in minor units GET violations           breaks of the protocol:
total, counts per name, the last ones (?limit=M) GET notes                refusals and what else is worth
seeing, in the same shape GET requests             the last requests as JSON lines (?limit=M) GET stats
requests in flight (and at most), counts per operation, status and fault GET faults, POST faults  the fault
plan; a POST replaces it, `{}` ends all faults POST clock               {"advance_seconds": S}: time moves
ahead DELETE tokens            all tokens are invalid from now on =======================
==========================================================================================

Where the documents are silent, this is decided: a key answers with its first answer, a 409 too; a list by
orderId knows only the newest payment of that orderId; an active payment that nobody touches is given up after
15 minutes; after a partial capture the rest is released.
"""

from gateway.sandbox.config import SandboxConfig
from gateway.sandbox.scenario import ScenarioError, load
from gateway.sandbox.simulator import NoAnswer, Sandbox

__all__ = ["NoAnswer", "Sandbox", "SandboxConfig", "ScenarioError", "load"]
