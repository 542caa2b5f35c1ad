"""Fails a measured run of the whole suite whose coverage of a tree is under its gate.

`pytest --cov` measures; a run of some of the tests is measured without being held to anything.
"""

import io
from collections.abc import Generator
from dataclasses import dataclass

import pytest

GATES = {"functions": 97, "stacks": 95, "training": 90, "local": 85, "ops": 85}
"""Percent of lines and branches together, by tree."""


@dataclass(frozen=True)
class Measured:
    tree: str
    percent: float

    @property
    def is_enough(self) -> bool:
        return self.percent >= GATES[self.tree]

    def __str__(self) -> str:
        passed = "reaches" if self.is_enough else "is UNDER"
        return f"coverage of {self.tree}: {self.percent:.2f} % {passed} {GATES[self.tree]} %"


class CoverageGate:
    """Around pytest-cov's own hook, after which the processes' measurements are one file."""

    def __init__(self) -> None:
        self._measured: list[Measured] = []

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> Generator[None, object, object]:
        result = yield
        self._measured = measured_trees()
        # As pytest-cov does it: here it still decides how the run exits.
        session.testsfailed += sum(not tree.is_enough for tree in self._measured)
        return result

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        for tree in self._measured:
            terminalreporter.write_line(str(tree), red=not tree.is_enough)


def pytest_configure(config: pytest.Config) -> None:
    if is_held_to_gates(config):
        config.pluginmanager.register(CoverageGate())


def is_held_to_gates(config: pytest.Config) -> bool:
    chosen = ("keyword", "markexpr", "ignore", "ignore_glob", "deselect", "lf", "collectonly")
    is_whole = config.args_source is pytest.Config.ArgsSource.TESTPATHS
    is_part = not is_whole or any(config.getoption(name) for name in chosen)
    is_worker = hasattr(config, "workerinput")
    return bool(config.getoption("cov_source", None)) and not is_part and not is_worker


def measured_trees() -> list[Measured]:
    """From the data file that pytest-cov left."""
    import coverage

    data = coverage.Coverage()
    data.load()
    return [Measured(tree, data.report(include=f"{tree}/*", file=io.StringIO())) for tree in GATES]
