"""Settles on a deployed stage what only AWS can tell; `docs/aws-unproven.md` is its table."""
