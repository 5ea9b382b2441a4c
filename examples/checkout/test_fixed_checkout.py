"""Green under --cano-crash=all: every effect has a key."""

import asyncio

from gateway import FakeGateway
from shop import fixed_checkout


def test_fixed_checkout(cano_store, cano_ledger, cano_workflow_id):
    workflow = fixed_checkout(cano_store, cano_ledger.spy(FakeGateway()))
    reached = asyncio.run(
        workflow.start_or_resume("Charge", workflow_id=cano_workflow_id)
    )
    assert reached == "Done"
