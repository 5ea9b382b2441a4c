"""Runs on the store, crashed: pytest examples/custom_store --cano-crash=all.

A store of three methods keeps no outcome: a run that is over has an exit row for as
long as its log is not cleared, and afterwards is as if it had never been.
"""

import asyncio

import pytest
import saga_payment
import workflow_recovery

from cano_core import RolledBackError, TaskFailedError

pytestmark = pytest.mark.cano_store("jsonl")


def test_a_run_comes_to_its_end(cano_store, cano_workflow_id):
    crash = workflow_recovery.CrashOnce()
    crash.armed = False
    workflow = workflow_recovery.recovery(cano_store, crash)
    reached = asyncio.run(
        workflow.start_or_resume(
            workflow_recovery.Step.START, workflow_id=cano_workflow_id
        )
    )
    assert reached is workflow_recovery.Step.DONE


def test_a_run_is_undone(cano_store, cano_ledger, cano_workflow_id):
    shop = cano_ledger.spy(saga_payment.Shop())
    workflow = saga_payment.payment(cano_store, shop)
    with pytest.raises((TaskFailedError, RolledBackError)):
        asyncio.run(workflow.start_or_resume("Reserve", workflow_id=cano_workflow_id))
    assert cano_ledger.count("refund") == cano_ledger.count("release") == 1
