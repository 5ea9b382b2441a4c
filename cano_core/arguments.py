"""What may be given to a `Workflow`, and what is refused before anything is built."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from .binding import task_name
from .errors import ConfigurationError
from .observers import ObserverGroup, WorkflowObserver
from .policy import TaskConfig
from .wording import shown


def check_store(store: object) -> None:
    """See that something is a store.

    Raises:
        ConfigurationError: it has not the three methods, or is a class.
    """
    if isinstance(store, type):
        raise ConfigurationError(
            f"checkpoint_store={store.__name__} is a class; give a store: "
            f"{store.__name__}(...)"
        )
    missing = [
        name
        for name in ("append", "load_run", "clear")
        if not callable(getattr(store, name, None))
    ]
    if missing:
        raise ConfigurationError(
            f"checkpoint_store={shown(store)} is no store: it has no "
            f"{', '.join(missing)}"
        )


def resources_in(resources: object) -> dict[str, object]:
    """Return the resources by name.

    Raises:
        ConfigurationError: it is no mapping, or a name is none.
    """
    if resources is None:
        return {}
    if not isinstance(resources, Mapping):
        raise ConfigurationError(
            f"resources={shown(resources)} is no mapping: give {{'name': resource}}"
        )
    for name in resources:
        if not isinstance(name, str):
            raise ConfigurationError(
                f"resources: {shown(name)} is no name; tasks get them by parameter name"
            )
    return dict(resources)


def seconds_in(name: str, seconds: Any) -> float | None:
    """Return a time limit.

    Raises:
        ConfigurationError: it is no number of seconds above 0.
    """
    if seconds is not None and not isinstance(seconds, int | float):
        raise ConfigurationError(
            f"{name}={shown(seconds)} must be a number of seconds, above 0, or None"
        )
    if seconds is not None and not seconds > 0:
        raise ConfigurationError(f"{name}={seconds!r} must be above 0 seconds, or None")
    return seconds


def observers_in(observers: Sequence[WorkflowObserver]) -> ObserverGroup | None:
    """Return the observers as a group; None if there are none, for they cost time.

    Raises:
        ConfigurationError: these are no observers, which would be told in vain.
    """
    given: object = observers
    if not isinstance(given, Iterable | WorkflowObserver):
        raise ConfigurationError(f"observers={shown(given)} is no list of observers")
    if isinstance(observers, WorkflowObserver):
        raise ConfigurationError(
            f"observers={shown(observers)} is one observer; give a list: [...]"
        )
    for observer in observers:
        if isinstance(observer, type):
            raise ConfigurationError(
                f"observer {observer.__name__} is a class; give an observer: "
                f"{observer.__name__}()"
            )
        if not isinstance(observer, WorkflowObserver):
            raise ConfigurationError(
                f"observer {shown(observer)} is no WorkflowObserver; make its class a "
                "subclass, which has every hook"
            )
    return ObserverGroup(observers) if observers else None


def versions_in(version: object, accepted: Collection[int]) -> frozenset[int]:
    """Return the versions that are accepted.

    Raises:
        ConfigurationError: one of these can't be written into a row.
    """
    if not isinstance(accepted, Collection):
        raise ConfigurationError(
            f"accepts_versions={accepted!r} is no collection of versions"
        )
    for each in (version, *accepted):
        if not isinstance(each, int) or not 0 <= each < 2**31:
            raise ConfigurationError(
                f"version {each!r} can't be stored in every row: give a whole number "
                "from 0"
            )
    return frozenset(accepted)


def config_for(
    task: object, given: object, default: TaskConfig | None = None
) -> TaskConfig:
    """Return how a task is run: as given, as it says itself, or as by default.

    Args:
        task: the task.
        given: what was given for it, or None.
        default: what is wanted if neither says anything; None for `TaskConfig`'s own.

    Raises:
        ConfigurationError: it says something else than a `TaskConfig`.
    """
    config = given
    if config is None:
        config = getattr(task, "config", None)
        if callable(config):
            config = config()
    if config is None:
        return TaskConfig() if default is None else default
    if not isinstance(config, TaskConfig):
        raise ConfigurationError(
            f"task {task_name(task)!r}: its config is {shown(config)}, not a TaskConfig"
        )
    return config
