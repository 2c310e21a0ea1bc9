"""Points of sale: made and removed by command, and the customers who check in there."""
