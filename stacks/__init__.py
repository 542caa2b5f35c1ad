"""The infrastructure: a stateful storage stack and the pipeline on top of it."""
