"""Worker processes: the order of results, failures, and the end of them all."""

import os
import signal
import threading
import time

import pytest

from forked import children, nothing_left, running
from pytest_cano.processes.forking import fork
from pytest_cano.processes.pool import Pool, WorkerError


def test_results_come_in_the_order_of_the_orders():
    with nothing_left(), Pool(lambda n: (n * n, os.getpid()), 3) as pool:
        results = [*pool.map(range(1, 40))]

    assert [square for square, _ in results] == [n * n for n in range(1, 40)]
    assert os.getpid() not in {pid for _, pid in results}


def test_orders_are_asked_for_a_little_ahead_only():
    asked = []

    def orders():
        for number in range(1, 100):
            asked.append(number)
            yield number

    with nothing_left(), Pool(lambda n: n, 2) as pool:
        results = pool.map(orders())
        assert next(results) == 1
        assert len(asked) <= 9
        results.close()


def test_a_second_round_uses_the_same_workers():
    with nothing_left(), Pool(lambda _: os.getpid(), 2) as pool:
        first = {*pool.map(range(1, 20))}
        second = {*pool.map(range(1, 20))}

    assert first | second == first or len(first | second) == 2


def test_workers_prepare_and_say_something_at_last():
    said = []
    pool = Pool(
        lambda n: os.environ["CANO_PREPARED"],
        2,
        prepare=lambda: os.environ.update(CANO_PREPARED="yes"),
        leave=os.getpid,
        left=said.append,
    )

    others = {*children()}
    with nothing_left(), pool:
        assert [*pool.map([1, 2, 3])] == ["yes"] * 3
        pids = {int(pid) for pid in {*children()} - others}

    assert {*said} == pids
    assert "CANO_PREPARED" not in os.environ


@pytest.mark.parametrize("error", [ValueError("no"), KeyboardInterrupt()])
def test_what_the_work_raises_is_raised(error):
    def work(n):
        raise error

    with nothing_left(), pytest.raises(type(error)), Pool(work, 2) as pool:
        next(pool.map([1, 2, 3]))


def test_a_worker_that_dies():
    def work(n):
        os.kill(os.getpid(), signal.SIGKILL)

    with (
        nothing_left(),
        pytest.raises(WorkerError, match="died"),
        Pool(work, 2) as pool,
    ):
        next(pool.map([1, 2, 3]))


@pytest.mark.parametrize("stubborn", [False, True])
def test_whoever_stops_in_the_middle_leaves_nobody_behind(stubborn, tmp_path):
    """Also none of the processes that a worker has begun, in the midst of its work."""

    def work(n):
        pid = fork()
        if not pid:
            time.sleep(600)
            os._exit(0)
        (tmp_path / "begun").write_text(str(pid))
        if stubborn:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
        (tmp_path / f"working-{n}").touch()
        time.sleep(600)

    class Enough(Exception):
        pass

    def orders():
        yield 1
        while not (tmp_path / "working-1").exists():
            os.sched_yield()
        raise Enough

    with nothing_left(), pytest.raises(Enough), Pool(work, 2) as pool:
        next(pool.map(orders()))

    begun = int((tmp_path / "begun").read_text())
    until = time.monotonic() + 30
    while _is_there(begun):
        assert time.monotonic() < until


def _is_there(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_a_worker_that_has_died_between_two_orders():
    gone = []

    def orders():
        yield 1
        until = time.monotonic() + 10
        new = {*children()} - others
        while any(map(running, new)) and time.monotonic() < until:
            gone.append(None)
            time.sleep(0.001)
        yield 2

    def work(n):
        threading.Timer(0.01, os._exit, [3]).start()
        return n

    others = {*children()}
    with (
        nothing_left(),
        pytest.raises(WorkerError, match="died"),
        Pool(work, 1) as pool,
    ):
        list(pool.map(orders()))


def test_whoever_stops_early_is_told_what_was_left():
    said = []

    def results():
        with Pool(abs, 2, leave=lambda: "left", left=said.append) as pool:
            yield from pool.map(range(1, 9))

    with nothing_left():
        coming = results()
        next(coming)
        coming.close()

    assert said == ["left", "left"]
