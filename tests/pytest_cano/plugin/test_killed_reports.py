"""A session that is killed as it writes leaves whole files: old ones, or new ones."""

import json
import xml.etree.ElementTree as ET

import pytest

from pytest_cano.records.codec import from_json
from shop_project import SAFE

OLD = "the old one, whole"
TARGETS = {
    "html": "page/index.html",
    "json": "r.json",
    "junit": "r.xml",
    "sarif": "r.sarif",
}
WHOLE = {
    "html": lambda text: text.rstrip().endswith("</html>"),
    "json": from_json,
    "junit": ET.fromstring,
    "sarif": json.loads,
}

# Dies when the N-th file is ready to be put in its place, or has just been.
DYING = """
import os, signal
from pytest_cano.records import files

real, told = os.replace, []

def replace(*args):
    # Others put their files in place like this, too.
    if not str(args[0]).endswith(".part"):
        return real(*args)
    told.append(args)
    if len(told) == {number} and not {done}:
        os.kill(os.getpid(), signal.SIGKILL)
    real(*args)
    if len(told) == {number}:
        os.kill(os.getpid(), signal.SIGKILL)

files.os.replace = replace
"""


@pytest.mark.parametrize("done", [False, True])
@pytest.mark.parametrize("number", [1, 4])
def test_each_report_is_there_whole(project, number, done):
    pytest.importorskip("jinja2")
    project.add("test_safe.py", SAFE)
    project.add("conftest.py", DYING.format(number=number, done=done))
    reports = {
        "html": "html:page",
        **{kind: f"{kind}:{TARGETS[kind]}" for kind in ("json", "junit", "sarif")},
    }
    for target in TARGETS.values():
        project.add(target, OLD)

    result = project.run(
        "--cano-crash=@end",
        *(f"--cano-report={report}" for report in reports.values()),
        subprocess=True,
    )

    assert result.ret == -9
    written = 0
    for kind, target in TARGETS.items():
        text = (project.path / target).read_text("utf-8")
        if text.strip() != OLD:
            written += 1
            assert WHOLE[kind](text) not in (None, False)
    assert written == number - (not done)
