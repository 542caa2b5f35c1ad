import json

import pytest

from tests.support.fresh_process import printed_by

# What Lambda's runtime does before it imports a handler, in a function with this filter of its log.
RUNTIME = """
import logging, os, sys
logging.getLogger().addHandler(logging.StreamHandler(sys.stdout))
logging.getLogger().setLevel(os.environ["AWS_LAMBDA_LOG_LEVEL"])
"""
SPEAKS = """
from functions.shared.telemetry.observability import logger
for level in ("debug", "info", "warning", "error"):
    getattr(logger, level)(level)
for library in ("botocore.endpoint", "openai._base_client", "httpx", "anything"):
    logging.getLogger(library).debug("a whole request")
    logging.getLogger(library).info("a whole request")
"""
LEVELS = ["DEBUG", "INFO", "WARNING", "ERROR"]


@pytest.mark.parametrize("lambda_level", ["DEBUG", "INFO"])
@pytest.mark.parametrize("level", LEVELS)
def test_the_configured_level_is_the_effective_one_whatever_lambdas_filter_is(level, lambda_level):
    variables = {"LOG_LEVEL": level, "AWS_LAMBDA_LOG_LEVEL": lambda_level}
    lines = printed_by(RUNTIME + SPEAKS, variables).splitlines()
    spoken = [json.loads(line) for line in lines]
    assert [line["level"] for line in spoken] == LEVELS[LEVELS.index(level) :]
    # Lambda takes a line with any other form of time for one of the level INFO.
    assert all("T" in line["timestamp"] and line["timestamp"][-6] in "+-" for line in spoken)


def test_no_library_writes_what_it_sends_into_a_log():
    variables = {"LOG_LEVEL": "DEBUG", "AWS_LAMBDA_LOG_LEVEL": "DEBUG"}
    assert "a whole request" not in printed_by(RUNTIME + SPEAKS, variables)
