"""The gateway as its next version might be: the same, but it writes and reads states of one version more."""

from gateway.cli import main
from gateway.codec import STATE_VERSION
from gateway.flow import PaymentFlow

if __name__ == "__main__":
    PaymentFlow.state_version = STATE_VERSION + 1
    main()
