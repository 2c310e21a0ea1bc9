"""A provider that takes no time."""

from gateway.domain.money import Currency, Money
from gateway.domain.operations import (
    Accepted,
    FindPayments,
    Found,
    Initiate,
    Observed,
    Operation,
    Outcome,
    PaymentReading,
    ProviderStatus,
    ReadPayment,
)
from gateway.flow import Permit
from tests.bench.ground import POS


class InstantProvider:
    """Answers at once; every payment stands at Initiated until the end of time, and is asked after an hour."""

    holding = False

    def merchant_known(self, merchant: str | None) -> bool:
        return True

    async def perform(self, operation: Operation, permit: Permit) -> Outcome:
        if not permit.holds():
            assert await permit.renew()
        match operation:
            case Initiate():
                return Accepted(operation.key)
            case ReadPayment():
                money = Money(1250, Currency.DKK)
                return Observed(
                    PaymentReading(
                        operation.provider_payment_id,
                        POS,
                        "order",
                        money,
                        ProviderStatus.INITIATED,
                        "Initiated",
                        3_600_000,
                    )
                )
            case FindPayments():
                return Found(())
            case _:
                return Accepted()
