"""What a call takes of budgets, by how long its answer may be."""

from __future__ import annotations

from dataclasses import dataclass

from functions.invoke_provider.called_model import called_model
from functions.shared.caller import Limits
from functions.shared.contracts.answer import DroppedParameter
from functions.shared.contracts.states import InvokeInput


@dataclass(frozen=True)
class Allowance:
    """What a call may take. `held_nano_usd` is what its budget is charged where the bill is never told, 0
    where nothing is held; `output_tokens` is for an answer that must be shorter than it was asked for,
    which `dropped` says."""

    held_nano_usd: int = 0
    output_tokens: int | None = None
    dropped: tuple[DroppedParameter, ...] = ()


NOT_HELD = Allowance()


@dataclass(frozen=True)
class Demand:
    """The answer may have up to `longest` tokens; hardly one takes more than `usual`, and one under
    `shortest` would be cut. Each token of `saved_tokens` fewer saves its share of `saved_nano_usd`."""

    input_tokens: int
    longest: int
    usual: int
    shortest: int
    worst_nano_usd: int
    saved_tokens: int
    saved_nano_usd: int

    @classmethod
    def of(cls, event: InvokeInput) -> Demand:
        """Raises `ModelNotFound`."""
        candidate, profile = event.candidate, event.profile
        model = called_model(candidate.model, profile)
        longest = candidate.output_limit or max(model.max_output_tokens, model.min_output_tokens)
        least = min(longest, candidate.least_output_tokens or longest)
        worst, least_cost = candidate.worst_case_cost_nano_usd, candidate.least_cost_nano_usd
        return cls(
            input_tokens=profile.input_tokens(model.tokenizer),
            longest=longest,
            usual=min(longest, max(candidate.usual_output_tokens or longest, least)),
            # Below its own least a model would be asked for more.
            shortest=min(longest, max(least, model.min_output_tokens)),
            worst_nano_usd=worst,
            saved_tokens=longest - least,
            saved_nano_usd=max(0, worst - least_cost)
            if least_cost is not None and least < longest
            else 0,
        )

    def nano_usd(self, output_tokens: int) -> int:
        """At most, of an answer with so many tokens at most."""
        fewer = self.longest - output_tokens
        saved = self.saved_nano_usd * fewer // self.saved_tokens if self.saved_tokens else 0
        return self.worst_nano_usd - saved

    def held_tokens(self, limits: Limits, output_tokens: int) -> int:
        """Of the answer, as its budget's mode holds it."""
        return min(output_tokens, self.usual) if limits.mode == "expected" else output_tokens

    @property
    def least_nano_usd(self) -> int:
        return self.nano_usd(self.shortest)

    def bought(self, left_nano_usd: int) -> int:
        """The most output tokens that so much pays for, below 0 where it is none."""
        missing = self.worst_nano_usd - left_nano_usd
        if missing <= 0:
            return self.longest
        if not self.saved_nano_usd:
            return -1
        return self.longest - -(-missing * self.saved_tokens // self.saved_nano_usd)
