"""The folder that the functions' code is taken from."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from functions.shared.catalogue.additions import ADDITIONS_FILE
from stacks.config import StageConfig

ROOT = Path(__file__).parents[2]
_UNSHIPPED = shutil.ignore_patterns("__pycache__")


@contextmanager
def code_folder(config: StageConfig, extra_files: Iterable[str]) -> Iterator[Path]:
    """The project itself, or a copy with what the stage adds to the catalogue; the app copies what it
    takes from there as soon as a function is made of it."""
    if not config.extra_providers:
        yield ROOT
        return
    with TemporaryDirectory() as directory:
        folder = Path(directory)
        shutil.copytree(ROOT / "functions", folder / "functions", ignore=_UNSHIPPED)
        for name in extra_files:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, folder / name)
        # Sorted, so that the same configuration is the same asset.
        added = json.dumps(config.additions.model_dump(mode="json"), sort_keys=True)
        (folder / ADDITIONS_FILE.relative_to(ROOT)).write_text(added, "utf-8")
        yield folder
