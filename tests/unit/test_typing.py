import ast
import tomllib
from pathlib import Path

CHECKED = ("app.py", "bench", "functions", "local", "ops", "stacks", "tests", "training")
ROOT = "aws_cdk"


def _files():
    for one in map(Path, CHECKED):
        yield from one.rglob("*.py") if one.is_dir() else (one,)


def _imported(text):
    """Modules of the CDK, those among them that are names of another."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == ROOT:
            yield node.module
            names = (one.name for one in node.names if one.name.islower())
            yield from (f"{node.module}.{name}" for name in names)
        elif isinstance(node, ast.Import):
            yield from (one.name for one in node.names if one.name.partition(".")[0] == ROOT)


def test_the_modules_of_the_cdk_that_are_named_are_those_whose_types_are_read():
    overrides = tomllib.loads(Path("pyproject.toml").read_text())["tool"]["mypy"]["overrides"]
    [read] = [one["module"] for one in overrides if one.get("follow_imports") == "normal"]
    texts = (path.read_text("utf-8") for path in _files())
    assert set(read) == {name for text in texts if ROOT in text for name in _imported(text)}
