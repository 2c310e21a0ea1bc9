"""One operation of each kind, for the tests of this room."""

from gateway.domain.commands import Restrictions
from gateway.domain.money import Currency, Money
from gateway.domain.operations import (
    Cancel,
    Capture,
    FindPayments,
    FindRefunds,
    Initiate,
    Prepare,
    Purpose,
    ReadPayment,
    ReadRefund,
    Ready,
    Refund,
    RefundCancel,
    RefundCapture,
)
from gateway.domain.points_of_sale.operations import (
    FindPointsOfSale,
    MakePointOfSale,
    ReadCheckin,
    ReadPointOfSale,
    RemovePointOfSale,
)
from gateway.domain.vocabulary import PlannedCaptureDelay

POS = "c85916b1-8e17-4275-a388-551e16aa6293"
PAYMENT = "3974eae6-e36f-4148-b5ee-22689e528c75"
REFUND = "7f3a6f03-fcd4-4860-a795-138e7dcf948e"
STORE = "401b5617-ae5e-4f1a-9a59-5a446dbb3caa"
BEACON = "a7b69d37-6753-4e94-afc3-ef5dab04b7f4"
KEY = "2d74d4d1-8fec-5a48-8590-95d199cebe96"
MERCHANT = "DK12345678"
NOT_AFTER_MS = 1_800_000_000_000

INITIATE = Initiate(
    merchant=MERCHANT,
    key=KEY,
    pos_id=POS,
    order_id="ORDER-12345",
    amount=Money(1250, Currency.DKK),
    planned_capture_delay=PlannedCaptureDelay.NONE,
    restrictions=None,
    label=None,
    first=True,
    not_after_ms=NOT_AFTER_MS,
)
RESTRICTED = Initiate(
    merchant=MERCHANT,
    key=KEY,
    pos_id=POS,
    order_id='Ærø "7"\\&+#%',
    amount=Money(100_005, Currency.EUR),
    planned_capture_delay=PlannedCaptureDelay.LESS_THAN_14_DAYS,
    restrictions=Restrictions(debit_card_disallowed=True),
    label="Kasse 2",
    first=False,
    not_after_ms=NOT_AFTER_MS,
)
CAPTURE = Capture(MERCHANT, PAYMENT, Money(1250, Currency.DKK))
CANCEL = Cancel(MERCHANT, PAYMENT)
POLL = ReadPayment(MERCHANT, PAYMENT, Purpose.POLL)
LOOK = ReadPayment(MERCHANT, PAYMENT, Purpose.LOOK)
READ_BACK = ReadPayment(MERCHANT, PAYMENT, Purpose.READ_BACK)
FIND = FindPayments(MERCHANT, POS, "ORDER-12345", False, Purpose.LOOK)
FIND_CAPTURED = FindPayments(MERCHANT, POS, "a&b=c #1", True, Purpose.CANDIDATE)
FIND_ALL = FindPayments(MERCHANT, POS, None, False, Purpose.CANDIDATE)

PREPARE = Prepare(MERCHANT, KEY, POS, "ORDER-12345", first=True, not_after_ms=NOT_AFTER_MS)
READY = Ready(
    MERCHANT,
    PAYMENT,
    Money(1250, Currency.DKK),
    PlannedCaptureDelay.LESS_THAN_24_HOURS,
    Restrictions(credit_card_disallowed=True),
    "Kasse 2",
)
READY_PLAIN = Ready(MERCHANT, PAYMENT, Money(100, Currency.EUR), PlannedCaptureDelay.NONE, None, None)
MAKE_REFUND = Refund(
    MERCHANT, KEY, PAYMENT, "REFUND-12345", Money(1250, Currency.DKK), first=True, not_after_ms=NOT_AFTER_MS
)
CAPTURE_REFUND = RefundCapture(MERCHANT, REFUND)
CANCEL_REFUND = RefundCancel(MERCHANT, REFUND)
POLL_REFUND = ReadRefund(MERCHANT, REFUND, Purpose.POLL)
FIND_REFUNDS = FindRefunds(MERCHANT, PAYMENT, Purpose.LOOK)
MAKE_POS = MakePointOfSale(
    merchant=MERCHANT,
    key=KEY,
    merchant_pos_id="My-Pos-1",
    store_id=STORE,
    name='Cafeteria "2"',
    supported_beacon_types=("QR", "Bluetooth"),
    beacon_id=BEACON,
    callback_alias="Example Alias",
    require_payment_before_checkin=True,
    first=True,
    not_after_ms=NOT_AFTER_MS,
)
MAKE_PLAIN_POS = MakePointOfSale(
    MERCHANT,
    KEY,
    "My-Pos-1",
    STORE,
    "Till",
    ("QR",),
    None,
    None,
    False,
    first=False,
    not_after_ms=NOT_AFTER_MS,
)
REMOVE_POS = RemovePointOfSale(MERCHANT, POS)
READ_POS = ReadPointOfSale(MERCHANT, POS, Purpose.READ_BACK)
FIND_POS = FindPointsOfSale(MERCHANT, "My Pos & 1", Purpose.LOOK)
READ_CHECKIN = ReadCheckin(MERCHANT, POS, Purpose.POLL)

CREATING = (INITIATE, RESTRICTED, PREPARE, MAKE_REFUND, MAKE_POS, MAKE_PLAIN_POS)
LISTS = (FIND, FIND_CAPTURED, FIND_ALL, FIND_REFUNDS, FIND_POS)
CHANGES = (READY, READY_PLAIN, CAPTURE, CANCEL, CAPTURE_REFUND, CANCEL_REFUND, REMOVE_POS)
READS = (POLL, LOOK, READ_BACK, POLL_REFUND, READ_POS, READ_CHECKIN)
ALL = (*CREATING, *CHANGES, *READS, *LISTS)
WRITES = (*CREATING, *CHANGES)
