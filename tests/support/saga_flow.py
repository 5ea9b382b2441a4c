"""Book > Pay > Done, both undone when Pay's successor says no; for tests of telling."""

from __future__ import annotations

from typing import Any

from cano_core import TaskConfig, Workflow


class SagaFlow:
    """Book > Pay > Check > Done; Check and the compensations fail as they are told to.

    Attributes:
        refusals: what Check raises, the first one first.
        stuck: what undoing Book raises, the first one first.
    """

    def __init__(self, **options: Any) -> None:
        self.refusals: list[BaseException] = [OSError("sold out")]
        self.stuck: list[BaseException] = []
        once = TaskConfig.minimal()
        self.workflow = Workflow(**options)
        self.workflow.register_with_compensation(
            "Book", self.book, compensate=self.unbook, config=once
        )
        self.workflow.register_with_compensation(
            "Pay", self.pay, compensate=self.refund, config=once
        )
        self.workflow.register("Check", self.check, config=once)
        self.workflow.add_exit_state("Done")

    async def book(self) -> tuple[str, int]:
        return "Pay", 1

    async def unbook(self, seat: int) -> None:
        if self.stuck:
            raise self.stuck.pop(0)

    async def pay(self) -> tuple[str, int]:
        return "Check", 2

    async def refund(self, receipt: int) -> None:
        pass

    async def check(self) -> str:
        if self.refusals:
            raise self.refusals.pop(0)
        return "Done"
