"""What the page asks for one widget: its place in what is deployed, and nothing of what it does."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from functions.shared.vocabulary import Frozen
from local.dashboard.deployed import deployed
from local.dashboard.metric_queries import Range
from local.dashboard.problem import BadWidget
from local.dashboard.widget_data import Shown

EpochMs = Annotated[int, Field(ge=0, le=32_503_680_000_000)]


class DataRequest(Frozen):
    """`index` counts the widgets of the dashboard's body; `variables` are chosen by their ids."""

    dashboard: str = Field(min_length=1)
    index: int = Field(ge=0)
    variables: dict[str, str] = Field(default_factory=dict)
    start: EpochMs
    end: EpochMs

    @model_validator(mode="after")
    def _in_order(self) -> DataRequest:
        if self.start >= self.end:
            raise ValueError("start must be before end")
        return self

    def shown(self) -> Shown:
        """The widget as it is deployed. Raises NoDashboard and BadWidget."""
        found = deployed(self.dashboard, self.variables)
        if self.index >= len(found["widgets"]):
            raise BadWidget(f"The dashboard {self.dashboard} has no widget {self.index}.")
        widget = found["widgets"][self.index]
        return Shown(
            widget["type"],
            widget["properties"],
            Range(self.start / 1000, self.end / 1000),
            adapts=found["body"].get("periodOverride", "auto") == "auto",
            dashboard=found["name"],
        )
