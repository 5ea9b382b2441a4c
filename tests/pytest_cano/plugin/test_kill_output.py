"""What comes back of lives that were killed: output, logs, warnings, coverage."""

import json
import sys

import pytest

from killing import forced

TALKING = """
    import logging
    import os
    import sys
    import warnings
    from shop import run, shop

    def test_talking(cano, cano_store, cano_ledger, cano_workflow_id):
        life = f"{cano.schedule} {cano.life}"
        print(f"out {life}")
        print(f"err {life}", file=sys.stderr)
        os.write(1, f"fd {life}\\n".encode())
        logging.getLogger("shop").warning("log %s", life)
        run(shop(cano_store, cano_ledger), cano_workflow_id)
        print(f"after {life}")
"""

KILLED = "Charge@end=kill"


def sections(result):
    """The captured sections of the first failure, by title."""
    found = {}
    title = None
    for line in result.outlines:
        if line.startswith("--") and "Captured" in line and "(life" in line:
            title = line.strip("- ")
            found[title] = []
        elif line.startswith(("__", "==", "--")):
            title = None
        elif title is not None and not line.startswith("WARNING "):
            found[title].append(line)
        elif title is not None:
            found[title].append(line.split()[-3:])
    return found


@pytest.mark.parametrize("how", ["forked", "fresh", "workers"])
@pytest.mark.parametrize("capture", ["fd", "sys", "tee-sys"])
def test_what_lives_have_written(project, capture, how):
    if how != "forked" and capture == "tee-sys":
        pytest.skip("it is one of the other two, said twice")
    project.add("test_talking.py", TALKING)
    options = ("--cano-workers=2",) if how == "workers" else forced(project, how)

    result = project.run(
        f"--cano-crash={KILLED}", f"--capture={capture}", *options, subprocess=True
    )

    result.assert_outcomes(failed=2)
    fd = [f"fd {KILLED} {{}}"] if capture == "fd" else []
    if capture == "tee-sys":
        return_of = sections(result)
        assert return_of["Captured stdout call (life 1)"] == [f"out {KILLED} 1"]
        return
    told = sections(result)
    assert told == {
        "Captured stdout call (life 1)": [
            f"out {KILLED} 1",
            *(line.format(1) for line in fd),
        ],
        "Captured stderr call (life 1)": [f"err {KILLED} 1"],
        "Captured log call (life 1)": [["log", KILLED, "1"]],
        "Captured stdout call (life 2)": [
            f"out {KILLED} 2",
            *(line.format(2) for line in fd),
            f"after {KILLED} 2",
        ],
        "Captured stderr call (life 2)": [f"err {KILLED} 2"],
        "Captured log call (life 2)": [["log", KILLED, "2"]],
    }


def test_what_nobody_captures_is_written_at_once(project):
    project.add("test_talking.py", TALKING)

    forked = project.run(f"--cano-crash={KILLED}", "-s", subprocess=True)
    fresh = project.run(
        f"--cano-crash={KILLED}", "-s", *forced(project, "fresh"), subprocess=True
    )

    for result in (forked, fresh):
        written = [line for line in result.outlines if KILLED in line]
        spoken = [line for line in written if line.startswith(("out", "fd", "after"))]
        # What Python has not written yet when its process is killed is not lost.
        assert sorted(spoken) == sorted(
            f"{word} {KILLED} {life}"
            for life in (1, 2)
            for word in ("out", "fd", "after")
            if (word, life) != ("after", 1)
        )


def test_what_a_capture_fixture_has_of_a_killed_life(project):
    project.add(
        "test_captured.py",
        """
        from shop import run, shop

        def test_captured(capsys, cano, cano_store, cano_ledger, cano_workflow_id):
            print("held", cano.life)
            run(shop(cano_store, cano_ledger), cano_workflow_id)
            assert capsys.readouterr().out == f"held {cano.life}\\n"
    """,
    )

    result = project.run(f"--cano-crash={KILLED}", subprocess=True)

    assert sections(result) == {"Captured stdout call (life 1)": ["held 1"]}


@pytest.mark.parametrize("how", ["forked", "fresh", "workers"])
def test_warnings_of_lives_are_shown_once(project, how):
    project.add(
        "test_warned.py",
        """
        import warnings
        from shop import run, shop

        def test_warned(cano, cano_store, cano_ledger, cano_workflow_id):
            if cano.schedule:
                warnings.warn(f"killed {cano.life}")
            class Local(Warning): pass
            warnings.warn("of a class without a name", Local)
            run(shop(cano_store, cano_ledger), cano_workflow_id)
    """,
    )
    options = ("--cano-workers=2",) if how == "workers" else forced(project, how)

    result = project.run("--cano-crash=@end=kill", "-W", "default", *options)

    shown = [line.strip() for line in result.outlines if "Warning: " in line]
    assert shown == [
        "*",
    ] or [line.partition(": ")[2] for line in shown if "killed" in line] == [
        "UserWarning: killed 1",
        "UserWarning: killed 2",
        "UserWarning: killed 3",
    ]


RESUMED = """
    from shop import shop

    def recover(life, schedule):
        if not schedule:
            return "undisturbed"
        if life == 1:
            return "to be killed"
        if life == 2:
            return "recovered"
        return "started once more"
"""

TEST_RESUMED = """
    from resumed import recover
    from shop import run, shop

    def test_resumed(cano, cano_store, cano_ledger, cano_workflow_id):
        recover(cano.life, cano.schedule)
        run(shop(cano_store, cano_ledger, keyed=True), cano_workflow_id)
"""

CORES = ["ctrace", *(["sysmon"] if sys.version_info >= (3, 14) else [])]


@pytest.mark.parametrize("how", ["forked", "fresh", "workers"])
@pytest.mark.parametrize("branch", [True, False], ids=["branch", "line"])
def test_coverage_of_lives(project, how, branch):
    pytest.importorskip("pytest_cov")
    project.add("resumed.py", RESUMED)
    project.add("test_resumed.py", TEST_RESUMED)
    options = ("--cano-workers=2",) if how == "workers" else forced(project, how)

    result = project.run(
        "--cov=resumed",
        *(["--cov-branch"] if branch else []),
        "--cov-report=json:cov.json",
        "--cano-crash=Charge@end=kill",
        *options,
        plugins=["pytest_cov"],
        subprocess=True,
    )

    assert result.ret == 0
    told = json.loads((project.path / "cov.json").read_text())
    assert told["files"]["resumed.py"]["missing_lines"] == []
    assert told["files"]["resumed.py"].get("missing_branches", []) == []


@pytest.mark.parametrize("core", ["ctrace", "pytrace", "sysmon"])
def test_coverage_run(project, core, monkeypatch):
    if core == "sysmon" and sys.version_info < (3, 12):
        pytest.skip("needs Python 3.12: tox run -e py312")
    monkeypatch.setenv("COVERAGE_CORE", core)
    project.add("resumed.py", RESUMED)
    project.add("test_resumed.py", TEST_RESUMED)
    run = project.pytester.run(
        *(sys.executable, "-m", "coverage", "run", "--source=.", "-m", "pytest"),
        *("-p", "cano", "--cano-crash=Charge@end=kill"),
    )
    project.pytester.run(sys.executable, "-m", "coverage", "json", "-o", "cov.json")

    assert run.ret == 0
    told = json.loads((project.path / "cov.json").read_text())
    assert told["files"]["resumed.py"]["missing_lines"] == []
