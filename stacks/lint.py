"""`python -m stacks.lint`: security checks and cfn-lint on the stages and their state machines."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from cfnlint.api import lint
from cfnlint.config import ManualArgs

from stacks.stage import CDK_JSON, synthesize

# W3005: the CDK states dependencies that references imply anyway.
_IGNORED = ["W3005"]
LONGEST_NAME = "any-other-stage-name"
"""What the stage dev is called to be linted: names of resources have limits, too."""


def template_findings(template: str) -> list[str]:
    """What cfn-lint finds in a template, its state machine definitions included."""
    arguments = ManualArgs(regions=["us-east-1"], ignore_checks=_IGNORED)
    return [str(finding) for finding in lint(template, config=arguments)]


def stage_findings(stage: str, directory: Path, **context: object) -> list[str]:
    """What cfn-lint finds in the templates of a stage, by file.

    Raises RuntimeError on a security finding that no acknowledgement explains.
    """
    synthesize(stage, directory, **{"layers": "stub", "check_security": True, **context})
    return [
        f"{path.name}: {finding}"
        for path in sorted(directory.glob("*.template.json"))
        for finding in template_findings(path.read_text("utf-8"))
    ]


def main() -> int:
    """Print the findings and return the exit code."""
    stages = json.loads(CDK_JSON.read_text("utf-8"))["context"]["stages"]
    # The stage dev, too, but for what its own name is shorter.
    stages[LONGEST_NAME] = {**stages["dev"], "auth": {"cognito": True}}
    with TemporaryDirectory() as directory:
        findings = [
            finding
            for name in ("prod", LONGEST_NAME)
            for finding in stage_findings(name, Path(directory) / name, stages=stages)
        ]
    print("\n".join(findings) or "templates: no findings")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
