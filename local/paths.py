"""Where things are: the project, its tools, and a running stack's own folder."""

from __future__ import annotations

import sysconfig
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
LOCAL = PROJECT / ".local"
SCRIPTS = Path(sysconfig.get_path("scripts"))
"""Of the running interpreter's environment: Node is a package of it."""
CDK = PROJECT / "node_modules" / "aws-cdk" / "bin" / "cdk"


def folder_of(port: int) -> Path:
    """The folder of the stack on `port`: state, logs and temporary files."""
    return LOCAL / str(port)
