"""The console's page as it is deployed: one document, one script and one style sheet.

A new account runs ten functions at once, and each file is a call of one.
"""

from __future__ import annotations

import os
import subprocess
import sysconfig
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).parents[2]
_SOURCE = Path("functions/console/static")
_BUNDLE = Path("build/console")
_NAMES = ("index.html", "main.js", "console.css")
_BUNDLER = Path("node_modules/.bin/esbuild")
_OPTIONS = ("--bundle", "--format=esm", "--minify", "--loader:.html=copy")


def console_page() -> tuple[str, ...]:
    """Bundle the page; the names of its files in the project.

    Raises FileNotFoundError without the bundler, RuntimeError with what it says of the sources.
    """
    if not (ROOT / _BUNDLER).exists():
        raise FileNotFoundError(f"{_BUNDLER}, which bundles the console, is missing: run `npm ci`")
    target = ROOT / _BUNDLE
    target.mkdir(parents=True, exist_ok=True)
    # File by file in one step each: another synthesis may be reading them.
    with TemporaryDirectory(dir=target.parent) as draft:
        _bundle(Path(draft))
        for name in _NAMES:
            (Path(draft) / name).replace(target / name)
    return tuple(str(_BUNDLE / name) for name in _NAMES)


def _bundle(target: Path) -> None:
    sources = (str(_SOURCE / name) for name in _NAMES)
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
        raise RuntimeError(f"The console cannot be bundled: {told.stderr}")
