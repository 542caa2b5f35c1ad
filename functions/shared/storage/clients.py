"""One client of each AWS service, for as long as the process lives.

botocore's, as boto3 makes them: boto3 itself adds resources and file transfers, which nobody here needs and
every start would wait for.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import botocore.session
from botocore.config import Config

READ_TIMEOUT_S = 4
MOST_CALLS = 2
BACKOFF_S = 1
"""At most, before the second call: https://docs.aws.amazon.com/boto3/latest/guide/retries.html"""

# A caller waits: what does not answer is reported before its function's own time is over. What is sent is typed
# by us, so that nothing checks it a second time; and a name of our own saves botocore writing its long one anew
# for every call.
_CONFIG = Config(
    connect_timeout=1,
    read_timeout=READ_TIMEOUT_S,
    retries={"mode": "standard", "total_max_attempts": MOST_CALLS},
    parameter_validation=False,
    user_agent="llm-orchestrator",
)


@lru_cache
def client(service: str) -> Any:
    """By the name of its service. Parameters are not validated: AWS refuses what is wrong."""
    return session().create_client(service, config=_CONFIG)


@lru_cache
def session() -> botocore.session.Session:
    """Of the function's own role and region."""
    return botocore.session.get_session()
