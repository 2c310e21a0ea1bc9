"""The partition runtime: key order, intents, lease, group commit, recovery; it carries bytes, no payment."""
