"""One client of each AWS service, for as long as the process lives.

botocore's, as boto3 makes them: boto3 itself adds resources and file transfers, which nobody here needs. Even so
it takes most of a function's start, and is imported with the first client.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import botocore.session

READ_TIMEOUT_S = 4
MOST_CALLS = 2
BACKOFF_S = 1
"""At most, before the second call: https://docs.aws.amazon.com/boto3/latest/guide/retries.html"""


@lru_cache
def client(
    service: str, read_timeout_s: float = READ_TIMEOUT_S, most_calls: int = MOST_CALLS
) -> Any:
    """By the name of its service. Its calls' parameters are not validated: AWS refuses what is wrong."""
    from botocore.config import Config  # noqa: PLC0415

    # A caller waits: what does not answer is reported before its function's own time is over. What is sent
    # is typed by us, so that nothing checks it a second time; and a name of our own saves botocore making up
    # its long one anew for every call.
    config = Config(
        connect_timeout=1,
        read_timeout=read_timeout_s,
        retries={"mode": "standard", "total_max_attempts": most_calls},
        parameter_validation=False,
        user_agent="llm-orchestrator",
    )
    return session().create_client(service, config=config)


@lru_cache
def session() -> botocore.session.Session:
    """Of the function's own role and region."""
    import botocore.session  # noqa: PLC0415

    return botocore.session.get_session()


def dynamodb() -> Any:
    return client("dynamodb")
