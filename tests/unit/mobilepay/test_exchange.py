"""What leaves for the provider, as logs and tracebacks would show it."""

from gateway.mobilepay.exchange import Address, Outgoing
from gateway.mobilepay.heading import Heading


def test_a_request_is_shown_without_its_headers_and_body() -> None:
    heading = Heading([(b"Authorization", b"Bearer hunter22")])
    fields = [(b"X-MobilePay-Idempotency-Key", b"hunter22")]
    address = Address("https", "api.example", None, b"api.example")
    outgoing = Outgoing("POST", address, b"/pos/v10/payments", heading, fields, b"hunter22", {})
    assert repr(outgoing) == f"{outgoing}" == "Outgoing(POST api.example b'/pos/v10/payments')"
    assert "hunter22" not in repr([outgoing, heading])
