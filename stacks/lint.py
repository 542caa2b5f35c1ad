"""`python -m stacks.lint`: security checks and cfn-lint on the stage prod and its state machines."""

from __future__ import annotations

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from cfnlint.api import lint
from cfnlint.config import ManualArgs

from stacks.stage import synthesize

# W3005: the CDK states dependencies that references imply anyway.
_IGNORED = ["W3005"]


def template_findings(template: str) -> list[str]:
    """What cfn-lint finds in a template, its state machine definitions included."""
    arguments = ManualArgs(regions=["us-east-1"], ignore_checks=_IGNORED)
    return [str(finding) for finding in lint(template, config=arguments)]


def main() -> int:
    """Print the findings and return the exit code."""
    with TemporaryDirectory() as directory:
        synthesize("prod", Path(directory), layers="stub")
        findings = [
            f"{path.name}: {finding}"
            for path in sorted(Path(directory).glob("*.template.json"))
            for finding in template_findings(path.read_text("utf-8"))
        ]
    print("\n".join(findings) or "templates: no findings")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
