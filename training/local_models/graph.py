"""Writes a mixture of linear models over hashed features as an ONNX graph with 8-bit weights."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import NodeProto, TensorProto, helper, numpy_helper

from functions.shared.local_models.features import FeatureSettings

Floats = NDArray[np.float64]
OPSET, IR_VERSION = 17, 8
HIGHEST = 127
CLIPPED_SHARE = 1e-4
"""So few of the largest weights are cut, that the others keep more of their digits."""


@dataclass(frozen=True)
class Mixture:
    """Experts on kinds of text and a gate that tells the kinds apart, all linear.

    A feature's row is its number modulo the number of rows. The columns of `weights` and `bias`
    are each expert's labels one after another, then one per expert for the gate if there are more.
    """

    labels: tuple[str, ...]
    experts: int
    weights: Floats
    bias: Floats
    damping: float
    """The sum over n features is divided by n to this power."""
    known_features: NDArray[np.bool_]
    known_words: NDArray[np.bool_]
    features: FeatureSettings


@dataclass(frozen=True)
class Calibration:
    """`bias` is added to the log-probabilities, then all are divided by `temperature`."""

    temperature: float
    bias: tuple[float, ...]
    threshold: float
    coverage: tuple[float, float]
    """Where fewer words than the first share are known nothing is sure; from the second on, all."""


def write_model(path: Path, mixture: Mixture, calibration: Calibration, **settings: Any) -> None:
    """`settings` go into the metadata, as JSON."""
    tensors, value = _tensors(mixture, calibration), helper.make_tensor_value_info
    graph = helper.make_graph(
        [*_score_nodes(), *_mixture_nodes(mixture.experts), *_coverage_nodes()],
        "local_model",
        [
            value("features", TensorProto.INT64, ["feature_count"]),
            value("words", TensorProto.INT64, ["word_count"]),
        ],
        [
            value("probabilities", TensorProto.FLOAT, [len(mixture.labels)]),
            value("coverage", TensorProto.FLOAT, [1]),
        ],
        [numpy_helper.from_array(array, name) for name, array in tensors.items()],
    )
    opset = [helper.make_opsetid("", OPSET)]
    proto = helper.make_model(graph, opset_imports=opset, ir_version=IR_VERSION)
    helper.set_model_props(proto, _metadata(mixture, calibration, settings, tensors))
    onnx.checker.check_model(proto, full_check=True)
    path.write_bytes(proto.SerializeToString(deterministic=True))


def _metadata(
    mixture: Mixture,
    calibration: Calibration,
    settings: Mapping[str, Any],
    tensors: Mapping[str, NDArray[Any]],
) -> dict[str, str]:
    metadata = {
        "labels": json.dumps(mixture.labels),
        "features": json.dumps(dataclasses.asdict(mixture.features)),
        "coverage": json.dumps(calibration.coverage),
        "threshold": json.dumps(calibration.threshold),
        **{name: json.dumps(value) for name, value in settings.items()},
    }
    digest = hashlib.sha256(json.dumps(metadata, sort_keys=True).encode())
    for tensor in tensors.values():
        digest.update(tensor.tobytes())
    return metadata | {"version": digest.hexdigest()[:12]}


def _quantized(weights: Floats) -> tuple[NDArray[np.int8], Floats]:
    """8-bit weights and each column's scale."""
    scale = np.maximum(np.quantile(np.abs(weights), 1 - CLIPPED_SHARE, axis=0), 1e-9) / HIGHEST
    return np.clip(np.round(weights / scale), -HIGHEST, HIGHEST).astype(np.int8), scale


def _tensors(mixture: Mixture, calibration: Calibration) -> dict[str, NDArray[Any]]:
    """Of each softmax the first column is taken from the others; what is then zero is left out."""
    labels, split = len(mixture.labels), mixture.experts * len(mixture.labels)
    firsts = np.repeat(np.arange(mixture.experts) * labels, labels)
    if mixture.experts > 1:
        firsts = np.concatenate((firsts, np.full(mixture.experts, split)))
    differences = mixture.weights - mixture.weights[:, firsts]
    kept = np.flatnonzero(differences.any(axis=0))
    weights, scale = _quantized(differences[:, kept])
    spread = np.zeros((kept.size, firsts.size))
    spread[np.arange(kept.size), kept] = scale
    gate = {
        "splits": np.array([split, firsts.size - split], np.int64),
        "expert_shape": np.array([mixture.experts, labels], np.int64),
    }
    return {
        **(gate if mixture.experts > 1 else {}),
        "weights": weights,
        "row_count": np.array(len(weights), np.int64),
        "known_features": np.packbits(mixture.known_features, bitorder="little"),
        "known_words": np.packbits(mixture.known_words, bitorder="little"),
        "spread": spread.astype(np.float32),
        "bias": (mixture.bias - mixture.bias[firsts]).astype(np.float32),
        "damping": np.array(mixture.damping, np.float32),
        "inverse_temperature": np.array(1 / calibration.temperature, np.float32),
        "label_bias": np.array(calibration.bias, np.float32),
        "label_shape": np.array([labels], np.int64),
        "tiny": np.array(1e-9, np.float32),
        "one": np.array(1, np.float32),
        "eight": np.array(8, np.int64),
        "two": np.array(2, np.uint8),
    }


def _flag_nodes(numbers: str, table: str, flags: str) -> list[NodeProto]:
    """The flag of number n is bit n % 8 of byte n / 8."""
    node = helper.make_node
    shift = [f"{flags}_bytes", f"{flags}_shifts"]
    return [
        node("Div", [numbers, "eight"], [f"{flags}_byte_numbers"]),
        node("Mod", [numbers, "eight"], [f"{flags}_bit_numbers"]),
        node("Gather", [table, f"{flags}_byte_numbers"], [f"{flags}_bytes"]),
        node("Cast", [f"{flags}_bit_numbers"], [f"{flags}_shifts"], to=TensorProto.UINT8),
        node("BitShift", shift, [f"{flags}_shifted"], direction="RIGHT"),
        node("Mod", [f"{flags}_shifted", "two"], [f"{flags}_bits"]),
        node("Cast", [f"{flags}_bits"], [flags], to=TensorProto.FLOAT),
        node("ReduceSum", [flags], [f"{flags}_total"], keepdims=0),
    ]


def _score_nodes() -> list[NodeProto]:
    node = helper.make_node
    return [
        *_flag_nodes("features", "known_features", "known"),
        node("Mod", ["features", "row_count"], ["row_numbers"]),
        node("Gather", ["weights", "row_numbers"], ["rows"]),
        node("Cast", ["rows"], ["rows_as_float"], to=TensorProto.FLOAT),
        node("MatMul", ["known", "rows_as_float"], ["sums"]),
        node("Max", ["known_total", "one"], ["known_count"]),
        node("Pow", ["known_count", "damping"], ["divisor"]),
        node("Div", ["sums", "divisor"], ["damped"]),
        node("MatMul", ["damped", "spread"], ["unbiased"]),
        node("Add", ["unbiased", "bias"], ["scores"]),
    ]


def _mixture_nodes(experts: int) -> list[NodeProto]:
    node = helper.make_node
    gated = [
        node("Split", ["scores", "splits"], ["expert_scores", "gate_scores"]),
        node("Softmax", ["gate_scores"], ["shares"], axis=-1),
        node("Reshape", ["expert_scores", "expert_shape"], ["expert_rows"]),
        node("Softmax", ["expert_rows"], ["expert_probabilities"], axis=-1),
        node("MatMul", ["shares", "expert_probabilities"], ["mixed"]),
    ]
    return [
        *(gated if experts > 1 else [node("Softmax", ["scores"], ["mixed"], axis=-1)]),
        node("Max", ["mixed", "tiny"], ["positive"]),
        node("Log", ["positive"], ["logs"]),
        node("Add", ["logs", "label_bias"], ["biased"]),
        node("Mul", ["biased", "inverse_temperature"], ["cooled"]),
        node("Reshape", ["cooled", "label_shape"], ["calibrated"]),
        node("Softmax", ["calibrated"], ["probabilities"], axis=-1),
    ]


def _coverage_nodes() -> list[NodeProto]:
    node = helper.make_node
    return [
        *_flag_nodes("words", "known_words", "familiar"),
        node("Shape", ["words"], ["word_shape"]),
        node("Cast", ["word_shape"], ["word_total"], to=TensorProto.FLOAT),
        node("Max", ["word_total", "one"], ["at_least_one"]),
        node("Div", ["familiar_total", "at_least_one"], ["coverage"]),
    ]
