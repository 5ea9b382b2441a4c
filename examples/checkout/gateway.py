"""A gateway for tests; the ledger that spies on it remembers what happened."""


class FakeGateway:
    def charge(self, order, amount, *, idempotency_key=None):
        """Take money."""

    def send(self, order, *, idempotency_key=None):
        """Hand over a parcel."""
