"""Rows, logs and the stores that keep them."""
