"""The two small models of `functions.shared.local_models`: from labelled texts to ONNX files, and
the figures of `docs/models.md`."""
