"""What the fixtures give; `pytest_cano.plugin` declares them.

In a test that is crashed they speak for the life that is being lived. In every other
test there is one world for the test, on its `tmp_path`, and nothing is injected.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import pytest

from .identity import seed_for, workflow_id_for
from .options import OptionError
from .plugin import CHECKED, LIFE, SCHEDULE, SETTINGS
from .stores import backends_of, close_store, make_store, store_factory
from .view import WorldView
from .world import World

if TYPE_CHECKING:
    from faker import Faker

    from cano_core.checkpoints.store import CheckpointStore
    from cano_core.states import State

    from .acceptance import Accept
    from .checking import Report
    from .functions import ProgramFunction
    from .idempotence import Repetitions
    from .idempotence.program import Build
    from .life import Life
    from .spy import KeyFunction

_VIEW = pytest.StashKey[WorldView]()
_ONLY_LIFE: pytest.StashKey[Life] = pytest.StashKey()


class Handle:
    """The test's handle on the crash test that it is part of.

    Attributes:
        life: number of the life that is being lived, from 1.
        schedule: the schedule that is being run, as text; empty in an undisturbed run.
    """

    def __init__(self, request: pytest.FixtureRequest) -> None:
        self._request = request
        self._view = view(request)
        self.life: int = self._view.life
        self.schedule: str = request.node.stash.get(SCHEDULE, "")

    def observe(self, name: str, value: object) -> None:
        """Record something that must be the same as in the undisturbed run."""
        self._view.observe(name, value)

    def probe(self, name: str, looked_at: object) -> None:
        """Look at something when the test's body is over; it must be as undisturbed.

        Args:
            name: how reports call it.
            looked_at: a ``Path`` (of a directory, a file or a SQLite database), a
                SQLAlchemy engine, a mapping, list or set, a function without
                arguments, or a probe of `pytest_cano.probes`.
        """
        self._view.probe(name, looked_at)

    def normalise(self, function: Callable[[object], object]) -> None:
        """Pass every argument and observation through a function before comparing.

        It is given each argument of an effect and each observed value, and returns
        what stands for it: the same for any two that do not differ for you.
        """
        self._view.normalise(function)

    def check(
        self,
        program: ProgramFunction,
        *,
        crash: str | Sequence[str] = "all",
        store: str | None = None,
        ignore_effects: tuple[str, ...] = (),
        ignore_observations: tuple[str, ...] = (),
        accept: Sequence[Accept] = (),
        ending: str | Sequence[str] | None = None,
        depth: int | None = None,
        budget: str | int | None = None,
        seed: int | None = None,
    ) -> Report:
        """Crash a program at every selected moment, restart it, and judge it.

        Args:
            program: a sync or async function, called once per life with a world that
                has ``store``, ``ledger``, ``disk`` and ``workflow_id``.
            crash: selectors, as for ``--cano-crash``; one text or several.
            store: the backend; this test's (its first) unless said otherwise.
            ignore_effects: names or patterns of effects that may differ, beside
                those of the ini file.
            ignore_observations: the same for observations.
            accept: known exceptions.
            ending: how lives end where ``crash`` does not say; as in this session
                unless said otherwise.
            depth: how many lives in a row are crashed; the same.
            budget: how much may be run: ``30s``, or a number of schedules; this
                test's share of the session's unless said otherwise.
            seed: of the schedules that ``random:N`` makes up; the session's unless
                said otherwise.
        """
        from .checking import check
        from .sharing import share_of

        settings = self._request.config.stash[SETTINGS]
        share = share_of(self._request.node, settings)
        try:
            report = check(
                program,
                crash=crash,
                accept=accept,
                ending=settings.endings if ending is None else ending,
                depth=settings.depth if depth is None else depth,
                budget=share if budget is None else budget,
                seed=settings.seed if seed is None else seed,
                timeout=settings.timeout,
                called="cano.check",
                whole=bool(settings.reports),
                **self._search(store, ignore_effects, ignore_observations),
            )
        finally:
            share.close()
        # In every other life it is only repeated.
        if settings.gated and not self.schedule and self.life == 1:
            from .checked import keep

            keep(self._request.node, report)
        return report

    def assert_idempotent(
        self,
        build: Build,
        state: State,
        level: int = 2,
        *,
        start: State | None = None,
        data: Any = None,
        store: str | None = None,
        ignore_effects: tuple[str, ...] = (),
    ) -> Repetitions:
        """Fail if anybody outside can tell that a state's task ran more than once.

        See `pytest_cano.assert_idempotent`.

        Args:
            build: makes the workflow, given a world that has ``store``, ``ledger``,
                ``disk`` and ``workflow_id``; called once per life.
            state: whose task it is.
            level: 1, run twice; 2, stopped after any of its effects; 3, stopped
                several times; 4, run once more after the next state's task.
            start: where the run begins; in ``state`` itself unless given.
            data: what the run begins with, if the workflow carries data.
            store: the backend; this test's (its first) unless said otherwise.
            ignore_effects: names or patterns of effects that may differ, beside
                those of the ini file.
        """
        __tracebackhide__ = True
        from .idempotence import assert_idempotent

        return assert_idempotent(
            build,
            state,
            level,
            start=start,
            data=data,
            called="cano.assert_idempotent",
            **self._search(store, ignore_effects),
        )

    def _search(
        self,
        store: str | None,
        ignore: tuple[str, ...],
        unobserved: tuple[str, ...] = (),
    ) -> dict[str, Any]:
        """Return what a search of this test's own has in common with the test."""
        request = self._request
        request.node.stash[CHECKED] = True
        settings = request.config.stash[SETTINGS]
        factory: pytest.TempPathFactory = request.getfixturevalue("tmp_path_factory")
        return {
            "directory": factory.mktemp("cano-check"),
            "workflow_id": self._view.workflow_id,
            "store": store_factory(request.node, store or _backend(request)),
            "ignore_effects": (*settings.ignore_effects, *ignore),
            "ignore_observations": (*settings.ignore_observations, *unobserved),
            "effect_key": _effect_key(request.node),
        }


def view(request: pytest.FixtureRequest) -> WorldView:
    """Return what this test, in this life, sees of its world."""
    stash = request.node.stash
    seen: WorldView | None = stash.get(_VIEW, None)
    if seen is None:
        _require_asyncio(request)
        life = _life(request)
        seen = stash[_VIEW] = WorldView(
            life,
            lambda: make_store(request.node, _backend(request), life.world),
            _effect_key(request.node),
        )
    return seen


def store(request: pytest.FixtureRequest) -> Iterator[CheckpointStore]:
    """Open this test's store, and close it afterwards."""
    seen = view(request)
    if LIFE in request.node.stash:
        yield _made(lambda: seen.store)
        seen.close()
        return
    # Nothing of ours around it where nothing is crashed.
    world = _life(request).world
    plain = _made(lambda: make_store(request.node, _backend(request), world))
    yield plain
    close_store(plain)


def _life(request: pytest.FixtureRequest) -> Life:
    """Return the life that is lived, or the only one of a test that is not crashed."""
    stash = request.node.stash
    life: Life | None = stash.get(LIFE, None) or stash.get(_ONLY_LIFE, None)
    if life is None:
        world = World(
            request.getfixturevalue("tmp_path"),
            workflow_id=workflow_id_for(request.node.nodeid),
            root=request.config.rootpath,
        )
        life = stash[_ONLY_LIFE] = world.new_life()
    return life


def _effect_key(node: Any) -> KeyFunction | None:
    """Return what asks the suite's hook for a key, if the suite has one."""
    hook = node.ihook.pytest_cano_effect_key
    if not hook.get_hookimpls():
        return None

    def ask(name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> object:
        key: object = hook(name=name, args=args, kwargs=kwargs)
        return key

    return ask


def _made(make: Callable[[], CheckpointStore]) -> CheckpointStore:
    try:
        return make()
    except OptionError as error:
        problem = str(error)
    pytest.fail(problem, pytrace=False)


def faker(request: pytest.FixtureRequest) -> Faker:
    """Make a Faker that makes up the same in every life."""
    from faker import Faker

    made = Faker()
    made.seed_instance(seed_for(request.node.nodeid))
    return made


def _backend(request: pytest.FixtureRequest) -> str:
    """Return the backend of this test, or of this one of its parameters."""
    callspec = getattr(request.node, "callspec", None)
    if callspec is not None and "cano_store" in callspec.params:
        name: str = callspec.params["cano_store"]
        return name
    return backends_of(request.node, request.config.stash[SETTINGS])[0]


def _require_asyncio(request: pytest.FixtureRequest) -> None:
    if "anyio_backend" not in request.fixturenames:
        return
    if not inspect.iscoroutinefunction(request.function):
        return
    backend = request.getfixturevalue("anyio_backend")
    name: Any = backend if isinstance(backend, str) else backend[0]
    if name != "asyncio":
        pytest.fail(
            f"{request.node.nodeid}: cano_core runs on asyncio, and this test runs on "
            f"{name}; let its anyio_backend fixture return 'asyncio'",
            pytrace=False,
        )
