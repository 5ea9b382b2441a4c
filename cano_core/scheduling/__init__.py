"""The parts of the `cano_core.scheduler.Scheduler`.

`backoff`, `status` and `plan` are values; `ticks` names runs, and `history` finds those
of earlier processes; `flow` is one scheduled workflow, and `record` what it has done.
`timing` and `clock` are all that knows APScheduler, and are loaded by those who
schedule.
"""

from types import ModuleType

from ..errors import ConfigurationError


def timing_module() -> ModuleType:
    """Return the module `timing`, and with it APScheduler.

    Raises:
        ConfigurationError: APScheduler is not installed, or another version of it.
    """
    try:
        from . import timing
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in ("apscheduler", "tzlocal"):
            raise
        raise ConfigurationError(
            f"a Scheduler needs APScheduler 3.11, and there is no module "
            f"{error.name!r}: pip install 'pytest-cano[scheduler]'"
        ) from error
    return timing
