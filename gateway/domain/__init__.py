"""What a payment may do and must do: pure rules over the standard library; no clock, no random, no I/O."""
