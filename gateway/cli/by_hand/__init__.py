"""The provider's API by hand: stores, points of sale, payments and refunds, as tables or as JSON."""
