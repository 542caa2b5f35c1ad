import os
import subprocess
import sys

import pytest

from tests.conftest import PROJECT
from tests.support.coverage_gate import GATES

CONFIGURATION = f"""
[tool.pytest.ini_options]
testpaths = ["checks"]

[tool.coverage.run]
branch = true
patch = ["subprocess"]
source = {[*GATES]}
"""
CHECKS = """
import functions.work, local.work, stacks.work, training.work

def test_all_but_one_tree_work():
    assert [tree.work.double(2) for tree in (functions, stacks, training)] == [4, 4, 4]

def test_nothing():
    assert True
"""


@pytest.fixture
def run(tmp_path):
    """Runs the tests of a project whose `local` is covered by half."""
    (tmp_path / "pyproject.toml").write_text(CONFIGURATION)
    (tmp_path / "checks").mkdir()
    (tmp_path / "checks" / "test_work.py").write_text(CHECKS)
    for tree in GATES:
        (tmp_path / tree).mkdir()
        (tmp_path / tree / "__init__.py").touch()
        (tmp_path / tree / "work.py").write_text("def double(number):\n    return 2 * number\n")

    def run(*arguments):
        path = f"import sys; sys.path[:0] = ['{tmp_path}', '{PROJECT}']; import pytest;"
        program = f"{path} sys.exit(pytest.main(sys.argv[1:]))"
        plugins = ("-p", "tests.support.coverage_gate", "-q")
        # What measures this test is not to measure that project.
        names = {name for name in os.environ if not name.startswith("COV")}
        return subprocess.run(
            [sys.executable, "-c", program, *plugins, *arguments],
            cwd=tmp_path,
            env={name: os.environ[name] for name in names},
            capture_output=True,
            text=True,
            check=False,
        )

    return run


def test_a_tree_under_its_gate_fails_the_whole_suite_and_is_named(run):
    finished = run("--cov", "--cov-report=", "-n", "2")
    *lines, last = finished.stdout.splitlines()
    assert finished.returncode == 1
    assert "coverage of local: 50.00 % is UNDER 85 %" in lines
    assert "coverage of functions: 100.00 % reaches 97 %" in lines
    assert last.startswith("2 passed in ")


@pytest.mark.parametrize("some", ["checks/test_work.py", "-ktest_all"])
def test_a_run_of_some_of_the_tests_is_held_to_no_gate(run, some):
    finished = run("--cov", "--cov-report=", some)
    assert finished.returncode == 0
    assert "coverage of" not in finished.stdout
