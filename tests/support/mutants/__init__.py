"""Wrong engines, each of which our harness has to find out with our own examples.

A mutant is `cano_core` with one small change that breaks a rule of the design. The
tests of the examples pass on it as long as nothing goes wrong; crashed as its command
says, at least one schedule fails with a verdict. One that survives is a blind spot.

    python -m mutants                  every mutant; fails if one survives
    python -m mutants NAME ...         these, with what their commands print
    python -m mutants --page FILE      every mutant, and write docs/mutants.md
"""
