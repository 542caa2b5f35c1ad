import subprocess
import sysconfig
from pathlib import Path

import pytest

from stacks.compute import layers

NAMES = sorted({layer.name for layer in layers.LAYERS})
HOST_PLATFORMS = tuple(
    f"{version}_{sysconfig.get_platform().removeprefix('linux-')}"
    for version in ("manylinux2014", "manylinux_2_28")
)
UNZIPPED_LIMIT_MB = 250
"""Lambda's limit on a function's code and layers together."""


def versions(lines: list[str]) -> dict[str, str]:
    return dict(line.split("==") for line in lines if line and not line.startswith("#"))


def canonical(package: str) -> str:
    return package.lower().replace("_", "-")


def pinned(name: str) -> dict[str, str]:
    return versions((layers.REQUIREMENTS / f"{name}.txt").read_text("utf-8").splitlines())


def wheel_tags(target: Path) -> set[str]:
    return {
        line.removeprefix("Tag: ")
        for wheel in target.glob("*.dist-info/WHEEL")
        for line in wheel.read_text("utf-8").splitlines()
        if line.startswith("Tag: ")
    }


@pytest.mark.parametrize("name", NAMES)
def test_every_package_of_a_layer_is_pinned(name: str) -> None:
    assert pinned(name)
    assert all(version[0].isdigit() for version in pinned(name).values())


@pytest.mark.parametrize("name", [name for name in NAMES if name != "core"])
def test_no_layer_repeats_the_core(name: str) -> None:
    assert not set(pinned(name)) & set(pinned("core"))


@pytest.mark.parametrize("name", NAMES)
def test_layers_hold_the_versions_that_the_tests_run_with(name: str) -> None:
    lines = (layers.ROOT / "constraints.txt").read_text("utf-8").splitlines()
    tested = {canonical(package): version for package, version in versions(lines).items()}
    assert pinned(name) == {package: tested[canonical(package)] for package in pinned(name)}


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
    ],
)
def test_layers_import_under_lambdas_python_with_nothing_else(
    tmp_path: Path, names: list[str], modules: list[str]
) -> None:
    python = layers.runtime_python()
    targets = [layers.build_layer(name, tmp_path / name, HOST_PLATFORMS) for name in names]
    assert sum(map(layers.size_mb, targets)) < UNZIPPED_LIMIT_MB * 0.8
    if python is None:
        # Such a machine builds layers without bytecode; what can be checked is what they hold.
        assert all(any("cp313-" in tag for tag in wheel_tags(target)) for target in targets)
        return
    for target in targets:
        layers.compile_bytecode(target, python)
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
