"""Red under --cano-crash=Charge: the charge is not idempotent."""

import asyncio

from gateway import FakeGateway
from shop import checkout


def test_checkout(cano_store, cano_ledger, cano_workflow_id):
    workflow = checkout(cano_store, cano_ledger.spy(FakeGateway()))
    reached = asyncio.run(
        workflow.start_or_resume("Charge", workflow_id=cano_workflow_id)
    )
    assert reached == "Done"
