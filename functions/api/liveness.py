"""What `GET /health` says, while there is anything to say it."""

from __future__ import annotations

from typing import Literal

from functions.shared.vocabulary import Frozen


class Liveness(Frozen):
    status: Literal["ok"] = "ok"
