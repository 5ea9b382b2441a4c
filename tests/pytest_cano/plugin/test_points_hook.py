"""``pytest_cano_points``: a downstream suite leaves out what it does not want."""

import pytest

from shop_project import BUGGY, SAFE, schedules

DROPPING = """
    def pytest_cano_points(item, points):
        if item.name == "test_safe":
            return [point for point in reversed(points) if point.endswith("end")]
"""


def test_what_it_drops_is_not_crashed_and_said(project):
    project.add("conftest.py", DROPPING)
    project.add("test_safe.py", SAFE)
    project.add("test_buggy.py", BUGGY)

    result = project.run("-v", "--cano-crash=Charge,@end")

    text = result.stdout.str()
    assert schedules(result)[-2:] == ["Ship@end", "Charge@end"]
    assert "test_safe   2/2 crash points of 8" in text
    assert "test_buggy  4/6 crash points of 8" not in text
    result.stdout.fnmatch_lines(
        [
            "*test_buggy  3/5 crash points of 8*",
            "test_safe: 3 crash points were dropped by pytest_cano_points: Charge@*",
        ]
    )


def test_a_test_of_which_all_is_dropped_passes_and_that_is_said(project):
    project.add("conftest.py", "def pytest_cano_points(item, points): return []")
    project.add("test_safe.py", SAFE)

    result = project.run("--cano-crash=@end")

    assert result.ret == 0
    result.stdout.fnmatch_lines(
        ["test_safe: 2 crash points were dropped by pytest_cano_points: Charge@end, *"]
    )


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (
            "return ['Chargee@end']",
            "returned 'Chargee@end', which is *'Charge@end'?",
        ),
        ("return 'all'", "returned 'all', and has to return a list of texts, or None"),
        ("raise OSError('no list')", "failed: OSError: no list"),
    ],
)
def test_a_mistake_of_the_hook_fails_the_test(project, body, said):
    project.add("conftest.py", f"def pytest_cano_points(item, points): {body}")
    project.add("test_safe.py", SAFE)

    result = project.run("--cano-crash=@end")

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines([f"pytest_cano_points {said}"])


def test_a_hook_that_does_not_mind_changes_nothing(project):
    project.add("conftest.py", "def pytest_cano_points(points): return None")
    project.add("test_safe.py", SAFE)

    result = project.run("--cano-crash=@end")

    result.assert_outcomes(passed=3)
    assert "dropped" not in result.stdout.str()
