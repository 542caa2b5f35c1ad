"""What an import loads is seen in a process that has loaded nothing yet."""

import os
import subprocess
import sys
from collections.abc import Mapping


def printed_by(script: str, variables: Mapping[str, str] | None = None) -> str:
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=os.environ | (variables or {}),
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()
