import asyncio
from unittest.mock import Mock

import pytest
from returns import Parcel, returns


@pytest.mark.parametrize(
    ("damaged", "exit_state"), [(False, "Done"), (True, "Rejected")]
)
def test_a_return(cano_store, cano_ledger, cano_workflow_id, damaged, exit_state):
    world = cano_ledger.spy(Mock(spec=["refund", "notify", "restock"]))
    workflow = returns(cano_store, world)
    parcel = Parcel("order-1", damaged=damaged)
    reached = workflow.start_or_resume(
        "Inspect", workflow_id=cano_workflow_id, data=parcel
    )
    assert asyncio.run(reached) == exit_state
