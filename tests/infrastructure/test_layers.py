import re
import subprocess
import sysconfig
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from stacks.compute import layers

# Together, as they import the same layers.
pytestmark = pytest.mark.xdist_group("layers")

NAMES = sorted({layer.name for layer in layers.LAYERS})
HOST_PLATFORMS = tuple(
    f"{version}_{sysconfig.get_platform().removeprefix('linux-')}"
    for version in ("manylinux2014", "manylinux_2_28")
)
UNZIPPED_LIMIT_MB = 250
"""Lambda's limit on a function's code and layers together."""


def packages(name: str) -> list[str]:
    lines = (layers.REQUIREMENTS / f"{name}.txt").read_text("utf-8").splitlines()
    return [line for line in lines if not line.startswith("#")]


def wheel_tags(target: Path) -> set[str]:
    return {
        line.removeprefix("Tag: ")
        for wheel in target.glob("*.dist-info/WHEEL")
        for line in wheel.read_text("utf-8").splitlines()
        if line.startswith("Tag: ")
    }


@pytest.mark.parametrize("name", NAMES)
def test_a_layer_has_one_version_of_each_package_and_the_hashes_of_its_files(name: str) -> None:
    locked = re.split(r"\n(?=\S)", layers.locked_requirements(name))
    assert [block.partition("==")[0] for block in locked] == packages(name) != []
    assert all(re.search(r"--hash=sha256:[0-9a-f]{64}$", block) for block in locked)


@pytest.mark.parametrize("name", [name for name in NAMES if name != "core"])
def test_no_layer_repeats_the_core(name: str) -> None:
    assert not set(packages(name)) & set(packages("core"))


def tampered(text: str) -> str:
    return re.sub("sha256:(.)", lambda found: f"sha256:{'1' if found[1] == '0' else '0'}", text)


def test_a_file_with_another_hash_is_in_no_layer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    locked = tmp_path / "locked.txt"
    locked.write_text(tampered(layers.LOCKED.read_text("utf-8")))
    monkeypatch.setattr(layers, "LOCKED", locked)
    with pytest.raises(subprocess.CalledProcessError):
        layers.build_layer("bedrock", tmp_path / "layer", HOST_PLATFORMS)
    assert "DO NOT MATCH THE HASHES" in capfd.readouterr().err
    assert not list((tmp_path / "layer").rglob("*.py"))


def test_a_package_that_is_not_locked_is_in_no_layer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "new.txt").write_text("# Why.\nleft-pad\n")
    monkeypatch.setattr(layers, "REQUIREMENTS", tmp_path)
    with pytest.raises(KeyError, match="left-pad"):
        layers.build_layer("new", tmp_path / "layer", HOST_PLATFORMS)


def test_a_layer_is_built_for_lambdas_python_and_both_processors(tmp_path: Path) -> None:
    machines = {"arm64": "aarch64", "x86_64": "x86_64"}
    for architecture, platforms in layers.LAMBDA_PLATFORMS.items():
        target = layers.build_layer("core", tmp_path / architecture, platforms)
        compiled = {tag for tag in wheel_tags(target) if not tag.endswith("none-any")}
        assert compiled
        assert all(
            tag.startswith("cp313-") and tag.endswith(machines[architecture]) for tag in compiled
        )
        assert not (target / "bin").exists()


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """A layer for this machine, with bytecode where Lambda's Python is there."""
    python = layers.runtime_python()

    @cache
    def layer(name: str) -> Path:
        target = layers.build_layer(name, tmp_path_factory.mktemp(name), HOST_PLATFORMS)
        if python is not None:
            layers.compile_bytecode(target, python)
        return target

    return layer


IMPORTS = "import sys; sys.path[:0] = sys.argv[1:]; import {modules}; print({module}.__cached__)"


@pytest.mark.parametrize(
    ("names", "modules"),
    [
        (["core"], ["pydantic", "aws_lambda_powertools.metrics"]),
        (["openai", "core"], ["openai", "functions.invoke_provider.answer"]),
        (["anthropic", "core"], ["anthropic", "functions.invoke_provider.answer"]),
        (["bedrock", "core"], ["boto3", "functions.invoke_provider.providers.bedrock"]),
        (
            ["onnx", "core"],
            [
                "onnxruntime",
                "functions.classify.handler",
                "functions.invoke_provider.providers.local_onnx",
            ],
        ),
        # boto3 is the runtime's own; the layer that pins it stands in for it here.
        (["bedrock", "core"], ["jsonschema", "functions.score.handler", "functions.api.handler"]),
        (["bedrock", "onnx", "core"], ["onnxruntime", "functions.route.handler"]),
        (
            ["bedrock", "jwt", "core"],
            ["jwt", "functions.authorize.verification", "functions.authorize.handler"],
        ),
    ],
)
def test_layers_import_under_lambdas_python_with_nothing_else(
    built: Callable[[str], Path], names: list[str], modules: list[str]
) -> None:
    python = layers.runtime_python()
    targets = [built(name) for name in names]
    assert sum(map(layers.size_mb, targets)) < UNZIPPED_LIMIT_MB * 0.8
    if python is None:
        # Such a machine builds layers without bytecode; what can be checked is what they hold.
        assert all(any("cp313-" in tag for tag in wheel_tags(target)) for target in targets)
        return
    program = IMPORTS.format(modules=", ".join(modules), module=modules[0])
    answer = subprocess.run(
        [str(python), "-I", "-S", "-c", program, *map(str, targets), str(layers.ROOT)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert Path(answer.stdout.strip()).is_file()


def test_a_missing_layer_says_how_to_build_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(layers, "BUILD", tmp_path)
    with pytest.raises(FileNotFoundError, match=r"python -m stacks\.compute\.layers"):
        layers.layer_directory(layers.Layer("core"), "built")
