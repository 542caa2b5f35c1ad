import os
import shutil
import subprocess

import pytest

from tests.conftest import PROJECT

MADE = (".venv/.run-ready", "node_modules/.run-ready")


@pytest.fixture
def project(tmp_path):
    """The Makefile among tools that only write down how they were called."""
    shutil.copy(PROJECT / "Makefile", tmp_path)
    for name in ("locked.txt", "package.json", "package-lock.json", *MADE):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    called = f'echo "$*" >> {tmp_path}/called\nexit $CDK_EXITS'
    for name, script in ((".venv/bin/python", ""), ("node_modules/.bin/cdk", called)):
        tool = tmp_path / name
        tool.parent.mkdir()
        tool.write_text(f"#!/bin/sh\n{script}\n")
        tool.chmod(0o755)
    return tmp_path


def deployed(project, *settings, cdk_exits=0):
    """How make ended, and how the CDK was called."""
    environment = os.environ | {"CDK_EXITS": str(cdk_exits)}
    environment.pop("MAKEFLAGS", None)
    made = subprocess.run(
        ["make", "deploy", *settings],
        cwd=project,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    return made, (project / "called").read_text().splitlines()


def test_a_deployment_asks_before_anything_gets_more_rights(project):
    made, called = deployed(project)
    assert made.returncode == 0, made.stderr
    assert called == ["deploy --all --context stage=dev --require-approval broadening"]
    assert "YES" not in made.stderr


def test_a_stage_that_is_deployed_gets_a_first_caller(project):
    for name in ("python", "cdk"):
        tool = project / (".venv/bin" if name == "python" else "node_modules/.bin") / name
        tool.write_text(f'#!/bin/sh\necho "{name} $*" >> {project}/called\n')
    made, called = deployed(project, "STAGE=prod")
    assert made.returncode == 0, made.stderr
    assert [one.split()[0] for one in called] == ["python", "cdk", "python"]
    assert called[-1] == "python -m ops callers first --stage prod"


def test_a_deployment_without_a_question_is_asked_for(project):
    _, called = deployed(project, "STAGE=prod", "YES=1")
    assert called == ["deploy --all --context stage=prod --require-approval never"]


def test_a_deployment_that_fails_where_nobody_can_be_asked_says_what_to_do(project):
    made, _ = deployed(project, cdk_exits=3)
    assert made.returncode == 2
    assert "YES=1" in made.stderr
    assert "Error 3" in made.stderr


def test_stale_prices_fail_after_all_that_they_give_is_made(project):
    for name in ("locked-dev.txt", "locked-clients.txt", ".venv/.dev-ready"):
        (project / name).touch()
    python = project / ".venv/bin/python"
    python.write_text(
        f'#!/bin/sh\necho "$*" >> {project}/called\ncase "$*" in *prices) exit 1;; esac\n'
    )
    environment = {name: value for name, value in os.environ.items() if name != "MAKEFLAGS"}
    made = subprocess.run(["make", "prices"], cwd=project, env=environment, check=False)
    assert made.returncode == 2
    assert (project / "called").read_text().splitlines() == [
        "-m training prices",
        "-m training providers",
    ]


def test_the_prices_are_looked_at_every_week():
    workflow = (PROJECT / ".github/workflows/prices.yml").read_text("utf-8")
    assert "cron:" in workflow
    assert "- run: make prices\n" in workflow
