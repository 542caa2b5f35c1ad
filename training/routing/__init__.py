"""Routing policies: from graded answers or outcome files to a policy's file (`fitting`), what
another policy would have changed (`replay`), and how good routing is (`evaluation`)."""
