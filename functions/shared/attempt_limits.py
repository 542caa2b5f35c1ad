"""How often and how long a request is tried: every number beside the stage's own deadlines.

The functions read them here; the state machine gets them, and the deadlines, as substitutions.
"""

from __future__ import annotations

MAX_ATTEMPTS = 8
"""Candidates, each of which may be called twice. More of them would only use up the deadline."""
MAX_NAMED = MAX_ATTEMPTS
"""Models that a caller may list, each of which is tried."""
MAX_RANKED = 12
"""Models that a decision ranks: far more than are ever tried, and each takes its place in a state."""
MAX_RESERVE = 8
"""Models kept as a last resort: more than are ever tried."""
UNSURE_ALTERNATIVES = 4
"""Others are asked when a local model is not sure, before its own answer is taken."""

MOST_PAUSE_S = 2
"""Before the same candidate is called again; a provider that asks for more is left."""
UNTOLD_WAIT_S = 2
"""For a provider that throttles and does not say how long; and for any at its second time, doubled with
each further one."""
LONGEST_BACKOFF_S = 60
WAIT_JITTER = 0.1
"""At most this share more: all that were told the same wait must not come back at once."""
MOST_EVENT_BYTES = 250_000
"""Of what a provider function gets: beyond it, no state has room for another round of failures."""
SERVICE_RETRIES = 3
"""Of a state that AWS itself failed or refused to run, with an interval that doubles."""
QUEUE_RETRIES = 2
RETRY_INTERVAL_S = 1
RETRY_BACKOFF_RATE = 2

STATE_TIMEOUT_S = 15
"""Of a state that calls no provider."""
QUEUE_TIMEOUT_S = 10
SUBMIT_TIMEOUT_S = 7
"""Of each state that accepts a job: all of them together within the gateway's 29 s."""
LIST_TIMEOUT_S = 2
"""Of writing down that a job has begun, which its end makes good."""
OVERRUN_S = 2
"""How much later than the deadline a provider's function would be stopped from outside: it ends
its attempts itself."""
HOLD_MARGIN_S = 10
"""How much later still a call's hold expires: whoever made it has settled it by then, or never will."""

RECORDING_MS = 1_000
"""Kept for recording and for the way back to the caller; a tenth of a short deadline."""
NEXT_ATTEMPT_MS = 4_000
NEXT_ATTEMPT_SHARE = 0.3
"""Of what is left, kept for the next candidates while there are any; the longer one counts."""
LEAST_ATTEMPT_MS = 500
"""Below this no provider answers; the call would only cost."""
ATTEMPT_RESERVE_MS = 1_000
"""With less left, no further candidate is called."""
WAIT_RESERVE_MS = 2_000
"""Left after a wait for a throttled provider, or there is none."""

SUBMISSION_S = 60
"""From a job's submission until it surely runs, and claims its key again."""
PATIENCE_SHARE = 2 / 3
"""Of its time a request waits for the answer to another one like it, and then asks itself."""
LONGEST_LOOK_S = 15
"""Between two looks for that answer."""
