"""`python -m stacks.compute.layers`: builds the layers of third-party packages, without Docker."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

ROOT = Path(__file__).parents[2]
REQUIREMENTS = ROOT / "functions" / "layers"
LOCKED = ROOT / "locked.txt"
BUILD = ROOT / "build" / "layers"
STUB = Path(__file__).parent / "stub_layer"

Architecture = Literal["arm64", "x86_64"]

PYTHON_VERSION = "3.13"
LAMBDA_PLATFORMS: dict[Architecture, tuple[str, ...]] = {
    "arm64": ("manylinux2014_aarch64", "manylinux_2_28_aarch64"),
    "x86_64": ("manylinux2014_x86_64", "manylinux_2_28_x86_64"),
}


@dataclass(frozen=True)
class Layer:
    """The packages of functions/layers/`name`.txt for one kind of processor."""

    name: str
    architecture: Architecture = "arm64"

    @property
    def directory(self) -> Path:
        """Where it is built."""
        return BUILD / f"{self.name}-{self.architecture}"


LAYERS = (
    Layer("core"),
    Layer("core", "x86_64"),
    Layer("openai"),
    Layer("anthropic"),
    Layer("bedrock"),
    Layer("onnx", "x86_64"),
    Layer("jwt"),
)


def layer_directory(layer: Layer, source: Literal["built", "stub"]) -> Path:
    """Where the asset of a layer lies. Raises FileNotFoundError when it has not been built."""
    if source == "stub":
        return STUB
    if not layer.directory.is_dir():
        raise FileNotFoundError(
            f"layer {layer.name} is not built: run `python -m stacks.compute.layers`"
        )
    return layer.directory


def locked_requirements(name: str) -> str:
    """A layer's packages as `locked.txt` has them: one version each, and the hashes of its files.

    Raises KeyError for a package that is not locked.
    """
    blocks = re.findall(r"^[^#\s].*(?:\n +--hash=.*)*", LOCKED.read_text("utf-8"), re.MULTILINE)
    by_package = {block.partition("==")[0]: block for block in blocks}
    lines = (REQUIREMENTS / f"{name}.txt").read_text("utf-8").splitlines()
    return "\n".join(by_package[line] for line in lines if not line.startswith("#"))


def build_layer(name: str, directory: Path, platforms: tuple[str, ...]) -> Path:
    """Install a layer's packages into `directory` and return the folder Lambda puts on the path."""
    target = directory / "python"
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    requirements = directory / "requirements.txt"
    requirements.write_text(locked_requirements(name), "utf-8")
    install = (
        "-m pip install --quiet --disable-pip-version-check --no-deps --no-compile --require-hashes"
        f" --only-binary=:all: --implementation cp --python-version {PYTHON_VERSION}"
    ).split()
    places = ("--requirement", str(requirements), "--target", str(target))
    options = [f"--platform={platform}" for platform in platforms]
    subprocess.run([sys.executable, *install, *places, *options], check=True)
    requirements.unlink()
    # Console scripts name the interpreter of this machine, and nothing in Lambda runs them.
    shutil.rmtree(target / "bin", ignore_errors=True)
    return target


def runtime_python() -> Path | None:
    """A Python of Lambda's own minor version, which alone can write bytecode that Lambda reads."""
    found = shutil.which(f"python{PYTHON_VERSION}")
    if found is None:
        return None
    asked = "import sys; print('%d.%d' % sys.version_info[:2], sys.executable)"
    # pyenv's shim refuses to run a version that is installed but not selected.
    environment = os.environ | {"PYENV_VERSION": PYTHON_VERSION}
    answer = subprocess.run(
        [found, "-c", asked], capture_output=True, text=True, check=False, env=environment
    )
    version, _, executable = answer.stdout.strip().partition(" ")
    return Path(executable) if version == PYTHON_VERSION else None


def compile_bytecode(target: Path, python: Path) -> None:
    """Compile for a read-only disk: Lambda could not keep what it compiles, and checks no dates."""
    command = "-m compileall -q -j 0 --invalidation-mode unchecked-hash -p /opt/python -s"
    subprocess.run([str(python), *command.split(), str(target), str(target)], check=True)


def main() -> None:
    """Build every layer into build/layers."""
    python = runtime_python()
    if python is None:
        print(f"no Python {PYTHON_VERSION} found: layers ship without bytecode, cold starts double")
    for layer in LAYERS:
        target = build_layer(layer.name, layer.directory, LAMBDA_PLATFORMS[layer.architecture])
        if python is not None:
            compile_bytecode(target, python)
        print(f"layer {layer.name} ({layer.architecture}): {size_mb(target):.1f} MB")


def size_mb(directory: Path) -> float:
    """The size of all files in a directory."""
    return sum(file.stat().st_size for file in directory.rglob("*") if file.is_file()) / 1e6


if __name__ == "__main__":
    main()
