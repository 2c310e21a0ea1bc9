"""Certification: the provider's checklist, each item as a scripted case through a real gateway process.

What is asked lies in `items.toml`, what is done in `cases`. Between the gateway and the provider stands a
witness that records each request and misbehaves on purpose, so that the provider itself may be any that
speaks the API.
"""
