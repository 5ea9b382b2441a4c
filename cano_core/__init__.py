"""A compact engine for workflows that survive a crash."""
