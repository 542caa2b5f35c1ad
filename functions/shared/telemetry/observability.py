"""One logger and one metrics sink for all functions. The prompt and the answer are never logged."""

from __future__ import annotations

import logging
import os
import warnings
from typing import TYPE_CHECKING

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.logging.formatter import LambdaPowertoolsFormatter
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.metrics.provider.cloudwatch_emf.cloudwatch import (
    AmazonCloudWatchEMFProvider,
)

from functions.shared.telemetry.series import (
    FUNCTION_NAME,
    INTERNAL_ERRORS,
    NAMESPACE,
    SERVICE,
)

if TYPE_CHECKING:
    from aws_lambda_powertools.logging.types import LogRecord

_OF_THE_FUNCTION = frozenset(
    {"location", "cold_start", "function_name", "function_memory_size", "function_arn"}
)


class _LeanFormatter(LambdaPowertoolsFormatter):
    """Leaves out what is the same in each line of a function, whose log group is its own: a log is billed by
    its bytes, and this is half of a line's."""

    def serialize(self, log: LogRecord) -> str:
        return super().serialize(
            {name: value for name, value in log.items() if name not in _OF_THE_FUNCTION}
        )


# Lambda's filter takes a line whose time is not written like this for one of the level INFO:
# https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-log-level.html
logger = Logger(log_uncaught_exceptions=False, logger_formatter=_LeanFormatter(use_rfc3339=True))
# Powertools would take the level of Lambda's filter for its own, which is never quieter than INFO.
logging.getLogger(logger.name).setLevel(os.environ.get("LOG_LEVEL", "INFO"))
# Lambda sets the root logger to its filter's level, and gives it a handler: at DEBUG the SDKs of AWS
# and of the providers would write whole requests there, with prompts and keys in them.
logging.getLogger().setLevel(logging.WARNING)
metrics = Metrics(namespace=NAMESPACE)
# Most functions count nothing but their cold starts.
warnings.filterwarnings("ignore", "No application metrics to publish")


def count(metric: str) -> None:
    """One, of the whole service."""
    sink = AmazonCloudWatchEMFProvider(namespace=NAMESPACE)
    sink.add_dimension(SERVICE, logger.service)
    sink.add_metric(metric, MetricUnit.Count, 1)
    sink.flush_metrics()


def count_internal_error(function_name: str) -> None:
    """One, of the whole service and of this function."""
    sink = AmazonCloudWatchEMFProvider(
        namespace=NAMESPACE, default_dimensions={SERVICE: logger.service}
    )
    sink.add_dimensions(**{FUNCTION_NAME: function_name})
    sink.add_metric(INTERNAL_ERRORS, MetricUnit.Count, 1)
    sink.flush_metrics()


def current_trace_id() -> str:
    """X-Ray's id of the whole request, or nothing where it is not traced.

    Lambda hands it on as `Root=1-…;Parent=…;Sampled=…`, whether or not it is sampled:
    https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html
    """
    header = os.environ.get("_X_AMZN_TRACE_ID", "")
    parts = dict(part.partition("=")[::2] for part in header.split(";"))
    return parts.get("Root", "")
