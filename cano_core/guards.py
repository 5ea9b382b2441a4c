"""What an attempt has to pass before it is made: its limits, then a circuit breaker."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from .circuit import CircuitBreaker
from .context import RunContext
from .errors import CircuitOpenError, Refused
from .extension import TaskCall
from .policy import TaskConfig

if TYPE_CHECKING:
    from .limits import Limiter


def guarded(name: str, config: TaskConfig, attempt: TaskCall) -> TaskCall:
    """Return one attempt with everything around it that its configuration asks for.

    It waits for its limits outside of its time limit, and before it asks the breaker,
    since a trial call that waits would keep others from trying. What a configuration
    doesn't ask for is not there at all.

    Args:
        name: the task's name, for observers.
        config: the configuration.
        attempt: the attempt.
    """
    call = config.bounded(attempt)
    if config.circuit_breaker is not None:
        call = _within_circuit(name, config.circuit_breaker, call)
    if config.limiters:
        call = _after_waiting(config.limiters, call)
    return call


def _after_waiting(limiters: Sequence[Limiter], call: TaskCall) -> TaskCall:
    async def after_waiting(*values: Any) -> Any:
        for limiter in limiters:
            await limiter.acquire(1)
        return await call(*values)

    return after_waiting


def _within_circuit(name: str, breaker: CircuitBreaker, call: TaskCall) -> TaskCall:
    async def within_circuit(context: RunContext, *values: Any) -> Any:
        run = context._run
        try:
            permit = breaker.acquire()
        except CircuitOpenError as refusal:
            if run.tell is not None:
                run.tell("on_circuit_open", run.workflow_id, name)
            raise Refused([refusal]) from refusal
        with permit:
            try:
                return await call(context, *values)
            except Exception:
                # That the run lost its log says nothing about the service.
                if run.halt is not None:
                    permit.close()
                raise

    return within_circuit
