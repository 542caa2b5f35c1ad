"""Custom widgets of the CloudWatch dashboard: the name of one in, its HTML out."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.shared.settings import WidgetSettings, read_settings
from functions.shared.telemetry.observability import logger, metrics
from functions.widgets.budgets import budgets
from functions.widgets.circuits import circuits
from functions.widgets.markup import paragraph
from functions.widgets.retiring_models import retiring_models

_WIDGETS: dict[str, Callable[[WidgetSettings, datetime], str]] = {
    "retiring_models": retiring_models,
    "circuits": circuits,
    "budgets": budgets,
}
DOCUMENTATION = """## LLM Orchestrator: what its metrics cannot tell

### Widget parameters
Param | Description
---|---
**widget** | Which table to show

- `retiring_models`: models that can be asked and retire within 60 days, with their
  successors.
- `circuits`: the configured providers, for each how many of its models' circuits are not closed, and
  which, with availability and attempts of the last five minutes.
- `budgets`: what each caller with a limit, and all together, may spend, have spent and have left; what is
  used up comes first.

### Example parameters
``` yaml
widget: circuits
```
"""
"""CloudWatch asks for it with `describe`, and shows it beside the widget's parameters:
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/add_custom_widget_dashboard_about.html"""


@metrics.log_metrics(capture_cold_start_metric=True)
@logger.inject_lambda_context(clear_state=True)
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> str:
    if event.get("describe"):
        return DOCUMENTATION
    widget = _WIDGETS.get(str(event.get("widget")))
    if widget is None:
        return paragraph(f"There is no such widget. Set widget to {' or '.join(_WIDGETS)}.")
    return widget(read_settings(WidgetSettings), datetime.now(UTC))
