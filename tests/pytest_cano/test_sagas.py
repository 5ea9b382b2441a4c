"""Sagas and routers: the right ones pass every crash, each planted mistake is found."""

from typing import Any

import pytest

from cano_core import RunContext, TaskFailedError, Workflow
from programs import THRICE, ForgetfulStore
from pytest_cano.view import WorldView
from saga_programs import Saga, planted, saga
from search import Search

FORWARD = [
    *("Book@enter", "Book@start", "Book@effect:1", "Book@end"),
    "Pick@end",
    *("Pay@start", "Pay@effect:1", "Pay@end"),
    "Check@start",
]
BACKWARD = [
    *("Pay@undo", "Pay@effect:2", "Pay@undone"),
    *("Book@undo", "Book@effect:2", "Book@undone"),
    "Check@cleared",
]


def test_a_saga_that_succeeds_has_no_points_of_a_rollback(tmp_path):
    search = Search(planted(refuses=False), tmp_path)

    assert search.points == [*FORWARD, "Check@end", "Done@cleared"]
    assert search.failures() == {}


def test_a_saga_that_fails_is_crashed_in_its_rollback_too(tmp_path):
    search = Search(saga(), tmp_path)

    assert search.flaky is None
    assert search.points == FORWARD + BACKWARD
    assert search.failures() == {}


def test_two_crashes_of_a_rollback_are_no_news_either(tmp_path):
    search = Search(saga(), tmp_path)
    second = ["Check@enter", "Pay@undo", "Pay@undone", "Book@undo", "Book@effect:1"]
    verdicts = {
        f"{first} > {point}": search.run(f"{first} > {point}").verdict.value
        for first in [*FORWARD[3:], *BACKWARD]
        for point in second
    }

    assert set(verdicts.values()) == {"PASS", "NOT_FIRED"}
    assert verdicts["Pay@undone > Check@enter"] == "PASS"
    assert verdicts["Pay@undone > Pay@undone"] == "PASS"
    assert verdicts["Book@undo > Pay@undo"] == "NOT_FIRED"


def test_a_rollback_on_a_store_that_forgets_passes(tmp_path):
    async def program(world: WorldView) -> None:
        with pytest.raises(Exception, match="sold out"):
            await Saga(world).start_or_resume()

    search = Search(
        program, tmp_path, store=lambda world: world.keep("store", ForgetfulStore)
    )

    assert search.failures() == {}
    assert [limit.split()[0] for limit in search.plan.limits] == ["Check@cleared"]


def test_a_compensation_that_fails_at_first_may_run_again(tmp_path):
    async def refund(self: Any, receipt: str, run: RunContext) -> None:
        opened = self.world.disk / "opened"
        if not opened.exists():
            opened.touch()
            raise ConnectionError("the bank is closed")
        self.ledger.effect("refund", receipt, key=run.idempotency_key)

    search = Search(planted(refund=refund), tmp_path)
    undone = [run.state for run in search.baseline.task_runs if run.undoing]

    assert undone == ["Pay", "Pay", "Book"]
    assert search.failures() == {}


@pytest.mark.parametrize("attempts", [1, 2])
def test_a_compensation_is_one_run_however_often_it_is_tried(tmp_path, attempts):
    class Retried(Saga):
        config = THRICE

        async def refund(self, receipt: str, run: RunContext) -> None:
            self.ledger.effect("refund", receipt, key=run.idempotency_key)
            if run.attempt < attempts:
                raise ConnectionError("the answer was lost")

    search = Search(saga(Retried), tmp_path, crash="Pay")
    runs = [run for run in search.baseline.task_runs if run.undoing]

    assert [run.state for run in runs] == ["Pay", "Book"]
    assert search.failures() == {}


def test_every_visit_is_undone_by_itself(tmp_path):
    async def pay(self: Any, run: RunContext) -> tuple[str, str]:
        self.ledger.effect("pay", run.visit, key=run.idempotency_key)
        return ("Pay" if run.visit < 3 else "Check"), str(run.visit)

    search = Search(planted(pay=pay), tmp_path)

    assert [point for point in search.points if "@undone" in point] == [
        *("Pay@undone#3", "Pay@undone#2", "Pay@undone", "Book@undone"),
    ]
    assert search.failures() == {}


def test_sync_tasks_and_compensations_are_crashed_alike(tmp_path):
    def book(self: Any, run: RunContext) -> tuple[str, int]:
        self.ledger.effect("book", key=run.idempotency_key)
        return "Pick", 7

    def unbook(self: Any, seat: int, run: RunContext) -> None:
        self.ledger.effect("unbook", seat, key=run.idempotency_key)

    search = Search(planted(book=book, unbook=unbook), tmp_path)

    assert search.points == FORWARD + BACKWARD
    assert search.failures() == {}


def test_what_can_not_be_kept_for_later_is_undone_at_once(tmp_path):
    async def pay(self: Any, run: RunContext) -> tuple[str, object]:
        self.ledger.effect("pay", key=run.idempotency_key)
        return "Check", object()

    async def refund(self: Any, receipt: object, run: RunContext) -> None:
        self.ledger.effect("refund", key=run.idempotency_key)

    search = Search(planted(pay=pay, refund=refund), tmp_path)

    assert "Pay@undone" in search.points
    assert search.failures() == {}


def test_a_task_and_its_compensation_may_observe_the_same_name(tmp_path):
    async def pay(self: Any) -> tuple[str, str]:
        self.world.observe("paid", 42)
        return "Check", "receipt"

    async def refund(self: Any, receipt: str) -> None:
        self.world.observe("paid", 0)

    search = Search(planted(pay=pay, refund=refund), tmp_path)

    assert search.baseline.observations["paid in Pay"] == ("42",)
    assert search.baseline.observations["paid in Pay (compensation)"] == ("0",)
    assert search.failures() == {}


def test_the_way_of_a_rollback_is_told(tmp_path):
    search = Search(saga(), tmp_path)
    ways = {
        point: [life.path[-1] for life in search.run(point).story.lives]
        for point in ("Pick@end", "Pay@undone", "Check@cleared")
    }
    forward = "Book > Pick > Pay > Check"

    assert search.baseline.lives[0].path == (
        f"{forward} > rolling back > Pay undone > Book undone > rolled back",
    )
    assert ways["Pick@end"][1].startswith("resumed after Book > Pick > Pay > Check")
    assert ways["Pay@undone"][:2] == [
        f"{forward} > rolling back",
        "resumed rolling back > Pay undone > Book undone > rolled back",
    ]
    assert ways["Check@cleared"][1] == "had been rolled back from Check"


def test_where_an_effect_of_a_compensation_was_is_told(tmp_path):
    search = Search(saga(), tmp_path)

    assert {each.location.rpartition(" ")[2] for each in search.baseline.effects} == {
        *("book", "unbook", "pay", "refund"),
    }


# Mistakes


def test_a_compensation_that_can_not_be_repeated_is_found(tmp_path):
    async def refund(self: Any, receipt: str) -> None:
        self.ledger.effect("refund", receipt)

    search = Search(planted(refund=refund), tmp_path)

    assert search.failures() == {
        "Pay@effect:2": "DUPLICATED",
        "Pay@undone": "DUPLICATED",
    }


def test_a_compensation_that_needs_what_only_memory_held_is_found(tmp_path):
    async def book(self: Any, run: RunContext) -> tuple[str, None]:
        self.ledger.effect("book", key=run.idempotency_key)
        self.seat = 7
        return "Pick", None

    async def unbook(self: Any, output: None, run: RunContext) -> None:
        if hasattr(self, "seat"):
            self.ledger.effect("unbook", self.seat, key=run.idempotency_key)

    search = Search(planted(book=book, unbook=unbook), tmp_path)

    assert search.failures() == dict.fromkeys([*FORWARD[4:], *BACKWARD[:4]], "LOST")


def test_a_compensation_that_fails_after_a_crash_is_stuck(tmp_path):
    async def book(self: Any) -> tuple[str, None]:
        self.seat = 7
        return "Pick", None

    async def unbook(self: Any, output: None) -> None:
        self.ledger.effect("unbook", key=self.seat)

    trial = Search(planted(book=book, unbook=unbook), tmp_path).run("Pay@undo")

    assert trial.findings[0].verdict == "STUCK"
    assert trial.findings[0].message.startswith("the run was left at the rollback from")
    assert trial.findings[0].details == (
        (
            "life 3: the compensation of Book raised AttributeError: 'Planted' object "
            "has no attribute 'seat'"
        ),
    )


def test_a_compensation_that_raises_when_it_is_repeated_is_told_so(tmp_path):
    async def unbook(self: Any, seat: int) -> None:
        if self.ledger.count("unbook"):
            raise LookupError("not booked")
        self.ledger.effect("unbook", seat)

    search = Search(planted(unbook=unbook), tmp_path)
    trial = search.run("Book@effect:2")
    finding = trial.findings[0]

    assert trial.story.lives[0].undoing
    assert finding.verdict == "STUCK"
    assert finding.details == (
        "life 3: the compensation of Book raised LookupError: not booked",
        (
            "a compensation is repeated after a crash: undoing what is undone has to "
            "succeed"
        ),
    )


def test_a_program_that_expects_the_first_failure_only_is_told_so(tmp_path):
    search = Search(saga(errors=(TaskFailedError,)), tmp_path)

    assert search.failures() == dict.fromkeys(BACKWARD, "DIVERGED")
    trial = search.run("Book@undo")
    assert any("raises RolledBackError: let the" in hint for hint in trial.story.hints)


def test_a_router_with_an_effect_is_found(tmp_path):
    async def pick(self: Any) -> str:
        self.ledger.effect("pick")
        return "Pay"

    search = Search(planted(pick=pick), tmp_path)

    assert search.failures() == {
        "Pick@effect:1": "DUPLICATED",
        "Pick@end": "DUPLICATED",
    }


# Routers


def routed(world: WorldView) -> Workflow:
    async def count(run: RunContext) -> str:
        world.ledger.effect("count", run.visit, key=run.idempotency_key)
        return "Again" if run.visit < 3 else "Turn"

    async def again() -> str:
        return "Turn"

    return (
        Workflow(checkpoint_store=world.store)
        .register("Count", count)
        .register_router("Again", again)
        .register_router("Turn", turn(world))
        .add_exit_state("Done")
    )


def turn(world: WorldView) -> Any:
    async def choose() -> str:
        return "Count" if world.ledger.count("count") < 3 else "Done"

    return choose


@pytest.mark.parametrize("first", ["Count", "Turn"])
def test_routers_in_a_loop_pass(tmp_path, first):
    async def program(world: WorldView) -> object:
        workflow = routed(world)
        return await workflow.start_or_resume(first, workflow_id=world.workflow_id)

    search = Search(program, tmp_path)

    assert search.failures() == {}
    assert ("Turn@start" in search.points) == (first == "Turn")
    assert ("Turn@enter" in search.points) == (first == "Turn")
    assert "Again@start" not in search.points
    assert "Turn@start#2" not in search.points
    assert "Again@end#2" in search.points


def test_a_saga_without_a_store_begins_anew(tmp_path):
    async def program(world: WorldView) -> str:
        flow = Saga(world)
        flow.store = None
        try:
            return str(await flow.workflow().orchestrate("Book"))
        except TaskFailedError:
            return "undone"

    search = Search(program, tmp_path)

    assert [run.exit for run in search.baseline.runs.values()] == [
        "Check (rolled back)"
    ]
    assert search.points[:3] == ["Book@start", "Book@effect:1", "Book@end"]
    assert search.points[-1] == "Book@undone"
    # A run without a store has no key that outlives it.
    assert search.run("Book@start").verdict == "PASS"
    assert search.run("Book@end").verdict == "DUPLICATED"
