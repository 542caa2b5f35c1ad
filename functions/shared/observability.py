"""One logger and one metrics sink for all functions. The prompt and the answer are never logged."""

from aws_lambda_powertools import Logger, Metrics

logger = Logger(log_uncaught_exceptions=False)
metrics = Metrics()
