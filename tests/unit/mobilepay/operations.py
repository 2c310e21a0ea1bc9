"""One operation of each kind, for the tests of this room."""

from gateway.domain.commands import Restrictions
from gateway.domain.money import Currency, Money
from gateway.domain.operations import Cancel, Capture, FindPayments, Initiate, Purpose, ReadPayment
from gateway.domain.vocabulary import PlannedCaptureDelay

POS = "c85916b1-8e17-4275-a388-551e16aa6293"
PAYMENT = "3974eae6-e36f-4148-b5ee-22689e528c75"
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

ALL = (INITIATE, RESTRICTED, CAPTURE, CANCEL, POLL, LOOK, READ_BACK, FIND, FIND_CAPTURED, FIND_ALL)
WRITES = (INITIATE, CAPTURE, CANCEL)
