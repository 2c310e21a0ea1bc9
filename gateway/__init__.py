"""A message-driven payment gateway: commands from Kafka, calls of the PoS API, events to Kafka."""

from importlib.metadata import version

__version__ = version("pos-gateway")
