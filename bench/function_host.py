"""A function in a process of its own, as in Lambda: `python -m bench.function_host FOLDER`.

It takes an event a line, as JSON, and answers with the nanoseconds of CPU since its last answer and what the
handler returned: what the process spends between two answers is what an invocation takes of it. The log goes
where nobody reads it.
"""

from __future__ import annotations

import json
import os
import sys
import time
from dataclasses import dataclass
from importlib import import_module


@dataclass(frozen=True)
class Context:
    """Lambda's, as far as anybody asks."""

    function_name: str
    memory_limit_in_mb: int = 512
    invoked_function_arn: str = "arn:aws:lambda:us-east-1:000000000000:function:bench"
    aws_request_id: str = "bench"


def main() -> None:
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    sys.stdout = open(os.devnull, "w")  # noqa: SIM115 - for as long as the process lives
    (folder,) = sys.argv[1:]
    handler = import_module(f"functions.{folder}.handler").lambda_handler
    context, spent_ns = Context(folder), time.process_time_ns()
    for line in sys.stdin:
        answer = json.dumps(handler(json.loads(line), context))
        now_ns = time.process_time_ns()
        answers.write(f"{now_ns - spent_ns} {answer}\n")
        answers.flush()
        spent_ns = now_ns


if __name__ == "__main__":
    main()
