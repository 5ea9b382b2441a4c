"""Real tests whose machine loses its power."""

import pytest

pytest.importorskip("apsw", reason="needs the extra pytest-cano[powerloss]")

from shop_project import POINTS, SAFE, schedules

UNSYNCED = """
    from cano_core import SQLiteCheckpointStore
    from shop import run, shop

    def test_unsynced(tmp_path, cano_ledger):
        with SQLiteCheckpointStore(tmp_path / "runs.db", sync=False) as store:
            assert run(shop(store, cano_ledger, keyed=True), "order-1") == "Done"
"""


def test_the_store_of_the_fixture_loses_nothing(project):
    project.add("test_safe.py", SAFE)

    result = project.run(
        "--cano-crash=all=unsynced:9,@end=torn:512", "-o", "cano_stores=sqlite", "-v"
    )

    result.assert_outcomes(passed=11)
    ends = [point for point in POINTS if point.endswith("@end")]
    assert schedules(result) == [
        *(f"{point}=torn:512" for point in ends),
        *(f"{point}=unsynced:9" for point in POINTS),
    ]


def test_a_store_that_does_not_sync_is_found_out(project):
    project.add("test_unsynced.py", UNSYNCED)

    result = project.run("--cano-crash=Ship@end=unsynced:1", "-o", "cano_select=all")

    result.assert_outcomes(failed=2)
    result.stdout.fnmatch_lines(
        [
            "LOST_WORK  life 2 went on from row 0 (Charge): row 1 (Ship), *",
            "*the power was lost: 1 of * unsynced changes were lost: *runs.db-wal",
        ]
    )


def test_what_a_killed_process_has_left_unsynced_is_lost_with_the_power(project):
    project.add("test_unsynced.py", UNSYNCED)

    result = project.run(
        "--cano-crash=Ship@end=kill > Ship@load=unsynced:99",
        *("-o", "cano_select=all"),
        subprocess=True,
    )

    result.assert_outcomes(failed=2)
    result.stdout.fnmatch_lines(
        [
            "LOST_WORK  life 3 found no rows, 2 had been appended: the power *",
            "*the power was lost: all 2? unsynced changes were lost",
        ]
    )


def test_workers_try_all_disks_beside_each_other(project):
    project.add("test_unsynced.py", UNSYNCED)

    result = project.run(
        "--cano-crash=Ship@end=powerloss",
        *("-o", "cano_select=all", "--cano-workers=2", "-v"),
        subprocess=True,
    )

    tried = schedules(result)
    assert tried == [f"Ship@end=powerloss:{n + 1}" for n in range(len(tried))]
    assert len(tried) > 20


def test_nothing_can_be_put_below_a_store_in_memory(project):
    project.add("test_safe.py", SAFE)

    result = project.run("--cano-crash=Ship@end=torn:512")

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*Ship@end=torn:512: torn:N needs a store on SQLite*"])
