"""Ways in which lives come to processes of their own, and what programs are up to."""

HOW = ("forked", "fresh", "alone")
"""Forked; forked from a fresh interpreter; each in a fresh interpreter of its own."""

_THREAD = """
import sys
import threading

ended = threading.Event()
thread = threading.Thread(target=ended.wait, daemon=True, name="forever")
if {when}:
    thread.start()


def pytest_unconfigure():
    ended.set()
    if thread.is_alive():
        thread.join()
"""


def forced(project, how):
    """Return options that make lives come to their processes in this way."""
    if how == "forked":
        return ()
    there = "'pytest_cano.fresh_session' in sys.modules"
    when = f"not {there}" if how == "fresh" else "True"
    project.add(f"{how}_plugin.py", _THREAD.format(when=when))
    return ("-p", f"{how}_plugin")
