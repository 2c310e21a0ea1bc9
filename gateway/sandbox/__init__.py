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

- `accept`: somebody comes and approves
- `partial`: the same, by the user whose payments can be captured in part
- `decline`: somebody comes and declines (CancelledByUser)
- `ignore`: somebody comes and decides nothing
- `fail`: somebody approves, but the reservation fails (CancelledByMobilePay)
- `never`: nobody comes
- `manual`: nobody comes by themselves; for the user simulation

A refundOrderId that starts with `fail` is not reserved (CancelledByMobilePay). A user whose card a payment's
restrictions refuse cannot be charged: the reservation fails.

**The scenario file** (JSON, or TOML by its suffix) has the names of `SandboxConfig` in
`gateway.sandbox.config`, where each is explained, nested as its dataclasses are; what it leaves out keeps its
default, and an unknown name or a wrong value is an error that names the field. A span of numbers is written as
one number or as [low, high]. For example::

    {"seed": 7, "any_pos": true, "poll_delay_ms": [200, 1000], "wait_tolerance_seconds": 0.5,
     "clients": [{"client_id": "till", "client_secret": "..."}],
     "stores": [{"store_id": "401b5617-ae5e-4f1a-9a59-5a446dbb3caa", "balance": 100000}],
     "points_of_sale": [{"pos_id": "c85916b1-8e17-4275-a388-551e16aa6293", "merchant_pos_id": "till-1",
                         "beacon_id": "123456789012345"}],
     "customers": {"decline": 0.2, "never": 0.1, "check_in_seconds": [0.1, 1], "decision_seconds": [0.2, 2],
                   "rules": [{"order_id_prefix": "VIP", "behaviour": "accept", "user": "+4520031805"}]},
     "faults": {"latency_seconds": [0.005, 0.03], "retry_after_seconds": 2,
                "probabilities": {"initiate": {"error_after": 0.05, "timeout_after": 0.05},
                                  "*": {"slow": 0.01}},
                "rules": [{"fault": "reset_after", "operation": "capture", "nth": 3},
                          {"fault": "timeout_before", "operation": "create_refund", "attempt": 1}]}}

Operations are the names in `gateway.sandbox.operations`; "*" is every one but the user simulation, where no
share of its own is given. The first rule that fits decides, else the shares. Faults:

- `slow`: the answer comes late (`slow_seconds`)
- `error_before`, `error_after`: a 5xx (`error_status`) before or after the effect
- `timeout_before`, `timeout_after`: no answer, without or with the effect
- `late_effect`: no answer, and the effect comes when the client has given up (`late_seconds`)
- `reset_before`, `reset_after`: a TCP reset, without or with the effect
- `throttled`, `throttled_bare`: 429, with and without Retry-After (`retry_after_seconds`)
- `unauthorized`, `token_expired`: 401; the token is still good, or ends there
- `unknown_code`: a 409 whose code no document knows
- `unknown_state`: a status of another version of the API, where the answer tells one
- `extra_fields`: members that the schema does not have
- `malformed_body`, `empty_body`, `wrong_content_type`, `cut_body`: the effect, and an answer that says nothing

**Self-certification**: with `self_certification`, or under the path `/pos-self-certification-api/`, each call that
changes something first gets no answer, then a 500, and works from its third request on; seed and call say whether
the first two took effect.

**Notifications**: with `notifications_url`, a check-in at a point of sale with a callbackAlias is POSTed there,
up to four times, `notification_retry_seconds` apart, until it is answered 200.

**Seeds**: behaviour, ids and faults depend on the seed and on what they are about, never on the order of
arrival (but for a rule's `nth` and `times`).

**The page** at `/` shows the world live and lets a person act like a customer with a phone; it asks for nothing
from any other address (`gateway.sandbox.page`).

**Its own endpoints**, all under /_sandbox, without credentials:

- `GET live`: server-sent events, first all that the page shows, then what has changed (`gateway.sandbox.live`)
- `GET ledger`: payments with their refunds as JSON lines, amounts in minor units; `?after=N&limit=M` pages by
  `number`, `?orderId=...` selects
- `GET ledger/totals`: counts per status and sums per currency, in minor units
- `GET violations`: breaks of the protocol (`gateway.sandbox.violations`): total, counts per name, the last ones
  (`?limit=M`)
- `GET notes`: refusals and what else is worth seeing, in the same shape
- `GET requests`: the last finished requests as JSON lines (`?limit=M`)
- `GET stats`: requests in flight now and at most, counts per operation, status and fault
- `GET notifications`: tries to tell of check-ins (`?limit=M`), and how many still wait
- `POST users/check-in`, `POST users/accept`, `POST users/decline`: a person acts like a customer, without a token:
  `{"posId" or "beaconId": "...", "phoneNumber": "..."}`
- `GET faults`, `POST faults`: the fault plan, as under `faults` in the scenario; a POST replaces it whole, `{}`
  ends all faults
- `POST clock`: `{"advance_seconds": S}` moves time ahead, and what falls due happens; tokens and keys grow old too
- `DELETE tokens`: all tokens are invalid from now on

Where the documents are silent, this is decided: a key answers with its first answer, a 409 too (a request that
was malformed is judged anew); a list by orderId knows only the newest payment of that orderId; an active payment
that nobody touches is given up after 15 minutes; after a partial capture the rest is released; a refund takes
its part of the captured amount and of the store's balance when it is made, and gives both back when it is
cancelled.
"""

from gateway.sandbox.config import SandboxConfig
from gateway.sandbox.scenario import ScenarioError, load
from gateway.sandbox.simulator import NoAnswer, Sandbox

__all__ = ["NoAnswer", "Sandbox", "SandboxConfig", "ScenarioError", "load"]
