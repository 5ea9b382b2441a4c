"""Ways in which lives come to processes of their own, and what programs are up to."""

HOW = ("forked", "fresh", "alone")
"""Forked; forked from a fresh interpreter; each in a fresh interpreter of its own."""

_THREAD = """
import sys
import threading

if {when}:
    threading.Thread(
        target=threading.Event().wait, daemon=True, name="forever"
    ).start()
"""


def forced(project, how):
    """Return options that make lives come to their processes in this way."""
    if how == "forked":
        return ()
    there = "'pytest_cano.fresh_session' in sys.modules"
    when = f"not {there}" if how == "fresh" else "True"
    project.add(f"{how}_plugin.py", _THREAD.format(when=when))
    return ("-p", f"{how}_plugin")
