"""The checks behind `pytest_cano.contract`, one file for each part of the contract.

Nothing in here imports pytest: the checks take a directory and raise an
`AssertionError`. The only thing they need from a test framework is a way to skip,
and `pytest_cano.contract` gives them that.
"""
