"""The pages as they are deployed: of each one document, one script and one style sheet.

A new account runs ten functions at once, and each file is a call of one.
"""

from __future__ import annotations

import json
import os
import subprocess
import sysconfig
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from stacks.api.openapi import document

ROOT = Path(__file__).parents[2]
_BUNDLER = Path("node_modules/.bin/esbuild")
_OPTIONS = ("--bundle", "--format=esm", "--minify", "--loader:.html=copy")
_DOCUMENT = "openapi.json"


@dataclass(frozen=True)
class _Page:
    """What lies in `source` is bundled into files of these names in `target`."""

    source: Path
    target: Path
    names: tuple[str, ...]


_CONSOLE = _Page(
    Path("functions/console/static"),
    Path("build/console"),
    ("index.html", "main.js", "console.css"),
)
_DOCS = _Page(
    Path("functions/docs/static"), Path("build/docs"), ("index.html", "main.js", "docs.css")
)


def console_page() -> tuple[str, ...]:
    """Bundle the console; the names of its files in the project.

    Raises FileNotFoundError without the bundler, RuntimeError with what it says of the sources.
    """
    return _bundled(_CONSOLE)


def docs_page() -> tuple[str, ...]:
    """Write the document of the API, and bundle the page that shows it; else as `console_page`."""
    files = _bundled(_DOCS)
    target = ROOT / _DOCS.target
    with TemporaryDirectory(dir=target.parent) as draft:
        text = json.dumps(document(), ensure_ascii=False, separators=(",", ":"))
        (Path(draft) / _DOCUMENT).write_text(text, "utf-8")
        (Path(draft) / _DOCUMENT).replace(target / _DOCUMENT)
    return (*files, str(_DOCS.target / _DOCUMENT))


def _bundled(page: _Page) -> tuple[str, ...]:
    if not (ROOT / _BUNDLER).exists():
        raise FileNotFoundError(f"{_BUNDLER}, which bundles the pages, is missing: run `npm ci`")
    target = ROOT / page.target
    target.mkdir(parents=True, exist_ok=True)
    # File by file in one step each: another synthesis may be reading them.
    with TemporaryDirectory(dir=target.parent) as draft:
        _bundle(page, Path(draft))
        for name in page.names:
            (Path(draft) / name).replace(target / name)
    return tuple(str(page.target / name) for name in page.names)


def _bundle(page: _Page, target: Path) -> None:
    sources = (str(page.source / name) for name in page.names)
    # Node is a package of the running interpreter's environment.
    path = os.pathsep.join((sysconfig.get_path("scripts"), os.environ.get("PATH", os.defpath)))
    command = (str(_BUNDLER), *sources, *_OPTIONS, f"--outdir={target}", "--log-level=warning")
    told = subprocess.run(
        command,
        cwd=ROOT,
        env=os.environ | {"PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    if told.returncode or told.stderr:
        raise RuntimeError(f"{page.source} cannot be bundled: {told.stderr}")
