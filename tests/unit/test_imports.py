import ast
from collections import defaultdict
from pathlib import Path

import pytest

FUNCTIONS = Path("functions")
FLOORS = (
    {
        "vocabulary",
        "request_ids",
        "times",
        "errors",
        "never_ran",
        "strict_json",
        "settings",
        "attempt_limits",
        "initialising",
        "well_formed",
        "silence_limits",
        "caller",
        "token_issuer",
    },
    {"storage", "telemetry", "catalogue", "prompts"},
    {"contracts", "gateway", "local_models", "simulation"},
    {"health", "policy", "money"},
    {"callers", "kept_answers", "jobs"},
)
FLOOR_OF = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}
SIBLINGS = {"route": {"classify", "score"}}


def _module(path):
    parts = path.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _imports():
    """(importing module, imported module or name) of every import, wherever it stands."""
    for path in FUNCTIONS.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                yield from ((_module(path), one.name) for one in node.names)
            elif isinstance(node, ast.ImportFrom):
                yield from ((_module(path), f"{node.module}.{one.name}") for one in node.names)


IMPORTS = sorted(set(_imports()))
MODULES = {_module(path) for path in FUNCTIONS.rglob("*.py")}
OWN = [pair for pair in IMPORTS if pair[1].startswith("functions.")]


def _room(module):
    return module.split(".")[2] if module.startswith("functions.shared.") else ""


def test_every_room_has_its_floor():
    rooms = {_room(module) for module in MODULES} - {""}
    assert rooms == set(FLOOR_OF)


def test_arrows_between_rooms_go_down():
    up = [
        (importer, imported)
        for importer, imported in OWN
        if (above := _room(importer)) and (below := _room(imported)) and above != below
        if FLOOR_OF[below] and FLOOR_OF[above] <= FLOOR_OF[below]
    ]
    assert up == []


def test_shared_imports_no_function_and_a_function_no_sibling():
    folders = [(importer.split(".")[1], imported.split(".")[1]) for importer, imported in OWN]
    strangers = [(one, other) for one, other in folders if other not in {one, "shared"}]
    assert all(other in SIBLINGS.get(one, set()) for one, other in strangers)


@pytest.mark.parametrize(
    "package", ["aws_cdk", "stacks", "local", "ops", "training", "bench", "tests"]
)
def test_functions_know_nothing_of(package):
    assert [pair for pair in IMPORTS if pair[1].split(".")[0] == package] == []


def test_no_module_imports_itself_round_a_corner():
    arrows = defaultdict(set)
    for importer, imported in OWN:
        arrows[importer].add(imported if imported in MODULES else imported.rpartition(".")[0])
    done: set[str] = set()

    def visit(module, way):
        assert module not in way, " -> ".join([*way, module])
        if module not in done:
            for other in arrows[module] - {module}:
                visit(other, [*way, module])
            done.add(module)

    for module in sorted(MODULES):
        visit(module, [])
