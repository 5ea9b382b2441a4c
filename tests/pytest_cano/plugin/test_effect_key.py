"""The hook by which a suite says where its clients put idempotency keys."""

CLIENT = """
    import pytest
    from shop import run
    from cano_core import RunContext, Workflow

    class Client:
        def post(self, url, *, headers):
            pass

    async def pay(client: Client, run: RunContext) -> str:
        client.post("/pay", headers={"Key": run.idempotency_key})
        return "Done"

    def pay_once(world):
        workflow = Workflow(
            checkpoint_store=world.store,
            resources={"client": world.ledger.spy(Client())},
        )
        workflow.register("Pay", pay).add_exit_state("Done")
        return workflow.start_or_resume("Pay", workflow_id=world.workflow_id)

    @pytest.mark.cano_crash("Pay@end")
    def test_pay(cano_store, cano_ledger, cano_workflow_id):
        class World:
            store, ledger, workflow_id = cano_store, cano_ledger, cano_workflow_id
        import asyncio
        asyncio.run(pay_once(World))

    def test_check(cano):
        async def program(world):
            await pay_once(world)

        report = cano.check(program, crash="Pay@end")
        assert report.passed, str(report)
"""

HOOK = """
    def pytest_cano_effect_key(name, args, kwargs):
        if name == "post":
            assert args == ("/pay",)
            return kwargs["headers"]["Key"]
"""


def test_without_the_hook_no_call_has_a_key(project):
    project.add("test_client.py", CLIENT)

    project.run().assert_outcomes(failed=2 + 1)


def test_the_hook_says_the_key(project):
    project.add("conftest.py", HOOK)
    project.add("test_client.py", CLIENT)

    project.run().assert_outcomes(passed=3)


def test_the_hook_of_a_directory_is_for_its_tests(project):
    project.add("a/conftest.py", HOOK)
    project.add("a/test_a.py", CLIENT)
    project.add("b/test_b.py", CLIENT)

    project.run().assert_outcomes(passed=3, failed=3)


def test_a_task_on_its_own_has_the_hook_s_key_too(project):
    project.add("conftest.py", HOOK)
    project.add(
        "test_client.py",
        CLIENT.replace(
            "    def test_check(cano):",
            """    def test_idempotent(cano):
        def build(world):
            client = world.ledger.spy(Client())
            workflow = Workflow(
                checkpoint_store=world.store, resources={"client": client}
            )
            return workflow.register("Pay", pay).add_exit_state("Done")

        cano.assert_idempotent(build, "Pay")

    def test_check(cano):""",
        ),
    )

    project.run("-k", "idempotent").assert_outcomes(passed=1, deselected=2)
