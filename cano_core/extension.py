"""How an outside package wraps a run's store and tasks, and a store's files.

The engine asks once per run, before it touches the store, and calls whatever it was
given instead of the originals; a step costs nothing when nobody is registered. A
SQLite store asks each time that it opens its file. These are the only seams: the engine
has no failpoints and does not know that it is tested::

    class Tracer:
        def wrap_store(self, store):
            return store

        def wrap_task(self, state, task, call):
            async def traced(context, *values):
                print("entering", state)
                return await call(context, *values)

            return traced

    class Plugin:
        @hookimpl
        def cano_wrap_run(self, workflow, workflow_id):
            return Tracer()

    manager.register(Plugin())
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

import pluggy

from .checkpoints.store import CheckpointStore

if TYPE_CHECKING:
    from .checkpoints._sqlite_connection import Connection
    from .workflow import Workflow

TaskCall: TypeAlias = "Callable[..., Awaitable[Any]]"
"""One attempt of a task: ``await call(context, *values)`` gives what it returned.

``context`` is the attempt's `RunContext`; ``values`` is what the engine hands to the
task in front of its named parameters (nothing, for a plain task).
"""

hookspec = pluggy.HookspecMarker("cano_core")
hookimpl = pluggy.HookimplMarker("cano_core")


class RunWrapper(Protocol):
    """What a plugin puts around one run.

    A wrapper may have two things more, which are found by attribute: ``observer``, a
    `WorkflowObserver` that is told what the run does, after the workflow's own ones;
    and ``wrap_compensation(state, task, call)``, which does for the compensation of a
    state's task what ``wrap_task`` does for the task.
    """

    def wrap_store(self, store: CheckpointStore) -> CheckpointStore:
        """Return what the run uses as its store; called once, if it has one."""

    def wrap_task(self, state: str, task: object, call: TaskCall) -> TaskCall:
        """Return what the run calls for each attempt of a state's task.

        Called once per run for each registered state that has a task.

        Args:
            state: the state's label.
            task: the task as it was registered.
            call: runs one attempt of it.
        """


class HookSpecs:
    """The hooks of cano_core."""

    @hookspec
    def cano_wrap_run(
        self, workflow: Workflow, workflow_id: str | None
    ) -> RunWrapper | None:
        """Say what to put around a run that is about to start or to resume.

        Called in the process and thread of the run, once per run, before its store
        is read or written. None leaves the run as it is. Where several plugins
        answer, the first one registered is the innermost.

        Args:
            workflow: the definition; ``workflow.graph`` names its states.
            workflow_id: the run's id, or None for a run without a store or id.
        """

    @hookspec(firstresult=True)
    def cano_connect(self, path: str) -> Connection | None:
        """Give the connection by which a `SQLiteCheckpointStore` uses its file.

        Called in the process of the store, in a thread of its own, whenever the store
        opens its file. None leaves it to `sqlite3`.

        Args:
            path: the file, as an absolute path; it need not exist.

        Returns:
            What is used, and fails, as a `sqlite3.Connection` in autocommit mode that
            does not wait for locks.
        """


manager = pluggy.PluginManager("cano_core")
"""Where plugins are registered: ``manager.register(plugin)``."""

manager.add_hookspecs(HookSpecs)


def run_wrappers(workflow: Workflow, workflow_id: str | None) -> list[RunWrapper]:
    """Ask every registered plugin for its wrapper, innermost first."""
    hook = manager.hook.cano_wrap_run
    if not hook.get_hookimpls():
        return []
    answers: list[RunWrapper] = hook(workflow=workflow, workflow_id=workflow_id)
    answers.reverse()
    return answers
