"""Channels: what two processes say to each other, and how they learn of an end."""

import os
import resource
import threading

import pytest

from forked import nothing_left
from pytest_cano.processes.channel import Channel, Silence, keep_only, readable
from pytest_cano.processes.control import Control


@pytest.fixture
def pair():
    here, there = Channel.pair()
    yield here, there
    here.close()
    there.close()


def test_values_arrive_as_they_were_sent_and_in_order(pair):
    here, there = pair
    # More than a pipe holds, so that it is written in pieces.
    long = b"x" * (1 << 20)
    sender = threading.Thread(target=lambda: [here.send(each) for each in (1, long)])
    sender.start()

    assert there.receive() == 1
    assert there.receive() == long
    sender.join()


def test_the_end_of_the_other_side_is_heard(pair):
    here, there = pair
    there.close()

    with pytest.raises(Silence, match="has ended") as caught:
        here.receive()

    assert not caught.value.late


def test_a_time_limit(pair):
    here, there = pair

    with pytest.raises(Silence, match="in time") as caught:
        here.receive(0.01)

    assert caught.value.late
    there.send("late")
    assert here.receive(0.01) == "late"


def test_what_is_not_finished_in_time_is_not_received(pair):
    here, there = pair
    os.write(there.write, b"\0" * 4)

    with pytest.raises(Silence, match="in time"):
        here.receive(0.01)


def test_closing_twice_closes_nobody_elses_descriptor(pair):
    here, _there = pair
    here.close()
    taken = os.dup(0)

    here.close()

    os.fstat(taken)
    os.close(taken)


def test_only_those_that_are_kept_stay_open(pair):
    here, there = pair
    others = Channel.pair()

    keep_only([here, there])

    for other in others:
        with pytest.raises(OSError, match="Bad file descriptor"):
            other.send(1)
    here.send(1)
    assert there.receive() == 1


def test_descriptors_above_those_that_select_knows():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < 1200:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 2048), hard))
    with nothing_left():
        many = [os.dup(0) for _ in range(1024)]
        here, there = Channel.pair()
        there.send("high")

        assert readable([here]) == [here]
        assert here.receive(1) == "high"
        here.close()
        there.close()
        for each in many:
            os.close(each)


def test_a_channel_is_handed_over():
    with nothing_left():
        line, far = Control.pair()
        here, there = Channel.pair()

        line.send("one is coming")
        line.hand_over(there)

        assert far.receive() == "one is coming"
        taken = far.take_over()
        assert not os.get_inheritable(taken.read)
        taken.send("hello")
        assert here.receive() == "hello"
        taken.close()
        with pytest.raises(Silence):
            here.receive()
        for each in (line, far, here):
            each.close()
