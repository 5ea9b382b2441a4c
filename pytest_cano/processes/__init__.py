"""Lives that have a process to themselves, and end it with a real SIGKILL.

The world is handed to whichever process lives next, and back when that one stops: at
each moment one process knows all that has happened, so there is one order of events.
"""
