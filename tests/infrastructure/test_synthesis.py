import json
import os
import shutil
import subprocess
import sys
from datetime import datetime, tzinfo
from pathlib import Path
from typing import Self

import pytest
from pydantic import ValidationError

from stacks.api import mapping
from stacks.compute import code_folder, pages
from stacks.lint import LONGEST_NAME, template_findings
from tests.support.synthesized import Stage, stages_with, synthesized

pytestmark = pytest.mark.xdist_group("synthesis")

ROOT = Path(__file__).parent.parent.parent
JSII_CACHE = Path.home() / ".cache/aws/jsii/package-cache"
NOWHERE = "http://127.0.0.1:9"


def test_prod_has_no_security_finding_without_a_reason(prod: Stage) -> None:
    report = json.loads((prod.directory / "validation-report.json").read_text("utf-8"))
    (nag,) = (item for item in report["pluginReports"] if item["pluginName"] == "AwsSolutions")
    assert nag["conclusion"] == "success"
    assert nag["violations"] == []
    assert all(accepted["reason"] for accepted in nag["suppressedViolations"])
    assert nag["suppressedViolations"]


@pytest.mark.parametrize("part", ["storage", "pipeline"])
def test_cfn_lint_has_nothing_to_say_about_prod(prod: Stage, part: str) -> None:
    assert template_findings(getattr(prod, part).text) == []


def test_synthesis_needs_no_account_and_no_network(tmp_path: Path) -> None:
    settings = json.loads((ROOT / "cdk.json").read_text("utf-8"))["context"]
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        # Unpacked there already, by any other synthesis.
        "JSII_RUNTIME_PACKAGE_CACHE_ROOT": str(JSII_CACHE),
        "CDK_OUTDIR": str(tmp_path / "out"),
        "CDK_CONTEXT_JSON": json.dumps({**settings, "stage": "dev", "layers": "stub"}),
        **dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "AWS_ENDPOINT_URL"), NOWHERE),
    }
    subprocess.run(
        [sys.executable, "app.py"], cwd=ROOT, env=environment, check=True, capture_output=True
    )
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text("utf-8"))
    assert "LlmOrchestrator-dev-Pipeline" in manifest["artifacts"]
    assert not manifest.get("missing")


def code_assets(template: str) -> dict[str, str]:
    """By the package under functions/ that the function runs."""
    functions = (
        item["Properties"]
        for item in json.loads(template)["Resources"].values()
        if item["Type"] == "AWS::Lambda::Function"
    )
    return {item["Handler"].split(".")[1]: str(item["Code"]["S3Key"]) for item in functions}


def directory_of(stage: Stage, asset: str) -> Path:
    manifest = stage.directory / "LlmOrchestrator-local-Pipeline.assets.json"
    files = json.loads(manifest.read_text("utf-8"))["files"]
    return stage.directory / str(files[asset.removesuffix(".zip")]["source"]["path"])


def assets_of_changed(
    monkeypatch: pytest.MonkeyPatch, project: Path, *changes: tuple[str, str]
) -> dict[str, str]:
    """The assets of a copy of the project, with texts added to files of it."""
    for name in ("stacks", "functions", "statemachine"):
        shutil.copytree(ROOT / name, project / name, ignore=shutil.ignore_patterns("__pycache__"))
    (project / "node_modules").mkdir()
    for name in (".bin", "swagger-ui-dist"):
        (project / "node_modules" / name).symlink_to(ROOT / "node_modules" / name)
    for name, text in changes:
        (project / name).parent.mkdir(exist_ok=True)
        with (project / name).open("a") as file:
            file.write(text)
    for module in (code_folder, pages):
        monkeypatch.setattr(module, "ROOT", project)
    return code_assets(synthesized("local", project / "out").pipeline.text)


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The assets of the project as it is."""
    with pytest.MonkeyPatch.context() as patch:
        return assets_of_changed(patch, tmp_path_factory.mktemp("first"))


def test_what_is_not_deployed_deploys_nothing_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, first: dict[str, str]
) -> None:
    names = ("README.md", ".hidden", "tests/test_new.py", "node_modules/new.js")
    cached = ("functions/__pycache__/new.pyc", "functions/score/__pycache__/new.pyc")
    changes = ((name, "changed") for name in (*names, *cached))
    assert assets_of_changed(monkeypatch, tmp_path, *changes) == first


def test_a_change_of_the_code_deploys_the_functions_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, first: dict[str, str]
) -> None:
    changed = assets_of_changed(monkeypatch, tmp_path, ("functions/__init__.py", "# changed\n"))
    assert not set(changed.values()) & set(first.values())


def test_the_code_asset_holds_the_functions_and_nothing_else(local: Stage) -> None:
    assets = code_assets(local.pipeline.text)
    del assets["console"], assets["docs"]
    (asset,) = set(assets.values())
    directory = directory_of(local, asset)
    assert [path.name for path in directory.iterdir()] == ["functions"]
    assert not list(directory.rglob("__pycache__"))
    assert (directory / "functions" / "classify" / "handler.py").is_file()
    policies = ROOT / "functions" / "shared" / "policy" / "policies"
    deployed = directory / "functions" / "shared" / "policy" / "policies"
    assert sorted(path.name for path in deployed.iterdir()) == sorted(
        path.name for path in policies.iterdir()
    )


def test_the_consoles_asset_holds_the_bundled_page_too(local: Stage) -> None:
    directory = directory_of(local, code_assets(local.pipeline.text)["console"])
    assert sorted(path.name for path in directory.iterdir()) == ["build", "functions"]
    files = [path for path in (directory / "build").rglob("*") if path.is_file()]
    assert sorted(path.relative_to(directory).as_posix() for path in files) == [
        *("build/console/console.css", "build/console/index.html", "build/console/main.js"),
    ]
    assert (directory / "functions" / "console" / "handler.py").is_file()
    assert not (directory / "functions" / "console" / "static").exists()


def test_the_docs_asset_holds_the_document_and_its_page_too(local: Stage) -> None:
    directory = directory_of(local, code_assets(local.pipeline.text)["docs"])
    files = [path for path in (directory / "build").rglob("*") if path.is_file()]
    assert {path.relative_to(directory / "build/docs").as_posix() for path in files} == {
        *("docs.css", "index.html", "main.js", "openapi.json"),
    }
    assert not (directory / "functions" / "docs" / "static").exists()


def test_a_changed_page_deploys_the_console_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, first: dict[str, str]
) -> None:
    page = ("functions/console/static/console.css", ".new { color: red }")
    changed = assets_of_changed(monkeypatch, tmp_path, page)
    assert {name for name in first if changed[name] != first[name]} == {"console"}


def deployment_of(directory: Path) -> str:
    template = synthesized("local", directory).pipeline
    (logical_id,) = template.resources("AWS::ApiGateway::Deployment")
    return logical_id


def test_a_changed_mapping_template_makes_a_new_deployment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = deployment_of(tmp_path / "first")
    copied = shutil.copytree(mapping.TEMPLATES, tmp_path / "templates")
    monkeypatch.setattr(mapping, "TEMPLATES", copied)
    assert deployment_of(tmp_path / "same") == first
    with (copied / "start_request.vtl").open("a") as template:
        template.write("## changed\n")
    assert deployment_of(tmp_path / "changed") != first


class LaterDay(datetime):
    @classmethod
    def now(cls, tz: tzinfo | None = None) -> Self:
        return cls(2032, 1, 1, tzinfo=tz)


def turn_the_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, module in list(sys.modules.items()):
        if name.startswith(("stacks.", "functions.")) and hasattr(module, "datetime"):
            monkeypatch.setattr(module, "datetime", LaterDay)


def test_one_day_gives_one_result_whatever_the_clock_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = synthesized("dev", tmp_path / "now")
    turn_the_clock(monkeypatch)
    later = synthesized("dev", tmp_path / "later")
    assert (later.storage, later.pipeline) == (now.storage, now.pipeline)
    assert synthesized("dev", tmp_path / "moved", today="2032-01-01").pipeline != now.pipeline


def test_a_stage_may_have_any_name(tmp_path: Path) -> None:
    stage = synthesized("staging", tmp_path, stages=stages_with("staging", check_security=True))
    (gateway,) = stage.pipeline.resources("AWS::ApiGateway::RestApi").values()
    assert gateway["Name"] == "llm-orchestrator-staging"
    secrets = stage.storage.resources("AWS::SecretsManager::Secret").values()
    assert "llm-orchestrator/staging/openai" in {secret["Name"] for secret in secrets}


def test_a_stage_with_a_longer_name_than_fits_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="stage"):
        synthesized(f"{LONGEST_NAME}s", tmp_path, stages=stages_with(f"{LONGEST_NAME}s"))


def test_deadlines_reach_the_functions_and_their_alarm(tmp_path: Path) -> None:
    deadlines = {"sync_ms": 10_000, "async_ms": 870_000}
    template = synthesized("dev", tmp_path, stages=stages_with("dev", deadlines=deadlines)).pipeline
    for name in ("Classify", "Route"):
        function = template.named("AWS::Lambda::Function", f"Functions{name}")
        variables = function["Environment"]["Variables"]
        assert (variables["SYNC_DEADLINE_MS"], variables["ASYNC_DEADLINE_MS"]) == (
            "10000",
            "870000",
        )
    functions = template.resources("AWS::Lambda::Function")
    timeouts = {name: item["Timeout"] for name, item in functions.items() if "Invoke" in name}
    assert set(timeouts.values()) == {900}
    alarm = template.named("AWS::CloudWatch::Alarm", "SlowAnswers")
    assert alarm["Threshold"] == 8_000


def test_the_command_line_says_in_one_line_that_a_stage_is_unknown(tmp_path: Path) -> None:
    context = json.dumps({"stages": stages_with("test"), "stage": "tset"})
    environment = os.environ | {"CDK_OUTDIR": str(tmp_path), "CDK_CONTEXT_JSON": context}
    refused = subprocess.run(
        [sys.executable, "app.py"],
        cwd=ROOT,
        env=environment,
        check=False,
        capture_output=True,
        text=True,
    )
    assert refused.returncode == 1
    error = [line for line in refused.stderr.splitlines() if "!!" not in line]
    assert error == ["cdk.json has no stage 'tset', only local, dev, prod, test"]
