"""Everything that a provider may be asked, of payments and of points of sale, and all that may become of it."""

from gateway.domain.operations import Operation, Outcome, PaymentWrite, RefundWrite
from gateway.domain.points_of_sale.operations import (
    PointOfSaleOperation,
    PointOfSaleOutcome,
    PointOfSaleWrite,
)

AnyOperation = Operation | PointOfSaleOperation
AnyOutcome = Outcome | PointOfSaleOutcome
AnyWrite = PaymentWrite | RefundWrite | PointOfSaleWrite
