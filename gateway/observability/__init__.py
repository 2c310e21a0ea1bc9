"""Metrics, logs and health: each declared once, and none of them with a secret in it."""
