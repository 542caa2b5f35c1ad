"""The operator's commands, the same against a deployed stage and against the local stack."""
