"""Crash tests beside pytest-cov: what only a resumed life runs is covered."""

import json

import pytest


def test_what_the_lives_run_is_measured(project):
    pytest.importorskip("pytest_cov")
    project.add(
        "resumed.py",
        """
        from shop import shop

        def recover(lives):
            if lives > 1:
                return "recovered"
            return "fresh"
    """,
    )
    project.add(
        "test_resumed.py",
        """
        from resumed import recover
        from shop import run, shop

        def test_resumed(cano, cano_store, cano_ledger, cano_workflow_id):
            recover(cano.life)
            run(shop(cano_store, cano_ledger, keyed=True), cano_workflow_id)
    """,
    )

    def missing(*args):
        result = project.run(
            "--cov=resumed",
            "--cov-report=json:cov.json",
            *args,
            plugins=["pytest_cov"],
            subprocess=True,
        )
        assert result.ret == 0
        told = json.loads((project.path / "cov.json").read_text())
        return told["files"]["resumed.py"]["missing_lines"]

    assert missing() == [5]
    assert missing("--cano-crash=Charge@end") == []
