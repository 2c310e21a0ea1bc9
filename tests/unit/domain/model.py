"""The provider reduced to what the rules depend on: effects that happen whether or not their answers are heard.

Written from the API's documents, not from the rules under test. A payment is a small record, a customer
decides when he likes, a refund pays itself out.
"""

from dataclasses import dataclass, field
from typing import assert_never

from gateway.domain.money import Money
from gateway.domain.operations import (
    Accepted,
    Cancel,
    Capture,
    FindPayments,
    FindRefunds,
    Found,
    Initiate,
    Observed,
    Operation,
    Outcome,
    PaymentReading,
    Prepare,
    ProviderRefundStatus,
    ProviderStatus,
    ReadPayment,
    ReadRefund,
    Ready,
    Refund,
    RefundCancel,
    RefundCapture,
    RefundObserved,
    RefundReading,
    Refusal,
    Rejected,
)
from gateway.domain.vocabulary import Reason

P, R = ProviderStatus, ProviderRefundStatus
UNREADY = (P.PREPARED, P.PAIRED)
ACTIVE = (*UNREADY, P.INITIATED, P.ISSUED)
ALIVE = (R.INITIATED, R.RESERVED)


@dataclass
class PaymentAtProvider:
    pos_id: str
    order_id: str
    amount: Money | None
    status: ProviderStatus
    captured: int = 0


@dataclass
class RefundAtProvider:
    payment_id: str
    refund_id: str
    amount: Money
    status: ProviderRefundStatus = R.INITIATED


def refused(reason: Reason, code: str, status: int = 409) -> Rejected:
    return Rejected(Refusal(reason, status, code))


@dataclass
class Provider:
    """`busy`: another till's customer stands at the point of sale. `effects`: what was changed, in order."""

    payments: dict[str, PaymentAtProvider] = field(default_factory=dict)
    refunds: dict[str, RefundAtProvider] = field(default_factory=dict)
    by_key: dict[str, str] = field(default_factory=dict)
    busy: bool = False
    effects: list[tuple[str, str]] = field(default_factory=list)

    def perform(self, operation: Operation) -> Outcome:
        match operation:
            case Initiate():
                return self._create(operation, operation.amount, P.INITIATED)
            case Prepare():
                return self._create(operation, None, P.PREPARED)
            case Ready():
                return self._ready(self.payments[operation.provider_payment_id], operation)
            case Capture(_, payment_id, amount):
                return self._capture(payment_id, amount.value)
            case Cancel(_, payment_id):
                return self._cancel(payment_id)
            case Refund():
                return self._refund(operation)
            case RefundCapture(_, refund_id):
                return self._end_refund(refund_id, R.CAPTURED, (R.RESERVED,), "1351")
            case RefundCancel(_, refund_id):
                return self._end_refund(refund_id, R.CANCELLED_BY_MERCHANT, ALIVE, "1352")
            case ReadPayment(_, payment_id, _):
                return Observed(self.read(payment_id))
            case FindPayments(_, pos_id, order_id, captured, _):
                wanted = (P.CAPTURED,) if captured else (*ACTIVE, P.RESERVED)
                return Found(
                    tuple(
                        i
                        for i, p in self.payments.items()
                        if p.status in wanted and p.pos_id == pos_id and order_id in (None, p.order_id)
                    )
                )
            case ReadRefund(_, refund_id, _):
                return RefundObserved(self._read_refund(refund_id))
            case FindRefunds(_, payment_id, _):
                return Found(tuple(i for i, r in self.refunds.items() if r.payment_id == payment_id))
            case _:
                assert_never(operation)

    def read(self, payment_id: str) -> PaymentReading:
        payment = self.payments[payment_id]
        partial = True if payment.status is P.RESERVED else None
        return PaymentReading(
            payment_id,
            payment.pos_id,
            payment.order_id,
            payment.amount,
            payment.status,
            payment.status.value,
            1000,
            partial_capture_possible=partial,
        )

    def customer(self, decision: ProviderStatus) -> None:
        """The customer checks in, approves or declines, where that is possible."""
        unready = (P.PAIRED, P.CANCELLED_BY_CUSTOMER, P.UNKNOWN)
        for payment in self.payments.values():
            may = payment.status in (P.INITIATED, P.ISSUED) and decision is not P.PAIRED
            if may or (payment.status in UNREADY and decision in unready):
                payment.status = decision

    def pay_out(self, decision: ProviderRefundStatus) -> None:
        """Refunds go on by themselves: reserved, paid out after their time, or cancelled."""
        before = R.RESERVED if decision is R.CAPTURED_BY_EXPIRY else R.INITIATED
        for refund in self.refunds.values():
            if refund.status is before:
                refund.status = decision

    def refunded(self, payment_id: str) -> int:
        """What refunds hold of the payment, paid out or not."""
        held = (*ALIVE, R.CAPTURED, R.CAPTURED_BY_EXPIRY)
        mine = (r for r in self.refunds.values() if r.payment_id == payment_id and r.status in held)
        return sum(r.amount.value for r in mine)

    def _create(self, operation: Initiate | Prepare, amount: Money | None, status: ProviderStatus) -> Outcome:
        if operation.key in self.by_key:
            return Accepted(self.by_key[operation.key])
        if self.busy or any(p.status in ACTIVE for p in self.payments.values()):
            return refused(Reason.POINT_OF_SALE_BUSY, "1301")
        payment_id = f"payment-{len(self.payments) + 1}"
        self.payments[payment_id] = PaymentAtProvider(operation.pos_id, operation.order_id, amount, status)
        self.by_key[operation.key] = payment_id
        self.effects.append(("start", operation.key))
        return Accepted(payment_id)

    def _ready(self, payment: PaymentAtProvider, operation: Ready) -> Outcome:
        if payment.status not in UNREADY:
            done = payment.amount == operation.amount and payment.status in (P.INITIATED, P.ISSUED)
            return Accepted() if done else refused(Reason.WRONG_STATUS, "1303")
        payment.status = P.INITIATED if payment.status is P.PREPARED else P.ISSUED
        payment.amount = operation.amount
        self.effects.append(("ready", operation.provider_payment_id))
        return Accepted()

    def _capture(self, payment_id: str, amount: int) -> Outcome:
        payment = self.payments[payment_id]
        if payment.status is P.CAPTURED:
            return Accepted() if payment.captured == amount else refused(Reason.WRONG_STATUS, "1307")
        if payment.status is not P.RESERVED:
            return refused(Reason.WRONG_STATUS, "1304")
        payment.status, payment.captured = P.CAPTURED, amount
        self.effects.append(("capture", payment_id))
        return Accepted()

    def _cancel(self, payment_id: str) -> Outcome:
        payment = self.payments[payment_id]
        if payment.status is P.CANCELLED_BY_MERCHANT:
            return Accepted()
        if payment.status not in (*ACTIVE, P.RESERVED):
            return refused(Reason.WRONG_STATUS, "1300")
        payment.status = P.CANCELLED_BY_MERCHANT
        self.effects.append(("cancel", payment_id))
        return Accepted()

    def _refund(self, operation: Refund) -> Outcome:
        if operation.key in self.by_key:
            return Accepted(self.by_key[operation.key])
        payment = self.payments[operation.provider_payment_id]
        if payment.status is not P.CAPTURED:
            return refused(Reason.WRONG_STATUS, "1354")
        held = self.refunded(operation.provider_payment_id)
        if held + operation.amount.value > payment.captured:
            return refused(Reason.REFUND_ABOVE_CAPTURED, "1367")
        refund_id = f"refund-{len(self.refunds) + 1}"
        self.refunds[refund_id] = RefundAtProvider(
            operation.provider_payment_id, operation.refund_id, operation.amount
        )
        self.by_key[operation.key] = refund_id
        self.effects.append(("refund", operation.key))
        return Accepted(refund_id)

    def _end_refund(
        self,
        refund_id: str,
        end: ProviderRefundStatus,
        allowed: tuple[ProviderRefundStatus, ...],
        code: str,
    ) -> Outcome:
        refund = self.refunds[refund_id]
        if refund.status is end:
            return Accepted()
        if refund.status not in allowed:
            return refused(Reason.WRONG_STATUS, code)
        refund.status = end
        self.effects.append((end.value, refund_id))
        return Accepted()

    def _read_refund(self, refund_id: str) -> RefundReading:
        refund = self.refunds[refund_id]
        return RefundReading(
            refund_id,
            refund.payment_id,
            refund.refund_id,
            refund.amount,
            refund.status,
            refund.status.value,
            1000,
        )
