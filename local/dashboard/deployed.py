"""The dashboard that is deployed: CloudWatch's own text of it, and its widgets ready to be drawn."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ministack.services import cloudwatch

from local.dashboard.problem import BadWidget
from local.dashboard.variables import substituted, variable_of

Json = dict[str, Any]


class NoDashboard(Exception):
    """There is none, or none of that name; the text says so."""


def deployed(name: str | None, chosen: Mapping[str, str]) -> Json:
    """{name, body, variables, widgets}: `body` as it was deployed, `widgets` with variables set to
    what is `chosen` by their ids, or else to their defaults. Raises NoDashboard and BadWidget.
    """
    name = name or next(iter(sorted(cloudwatch._dashboards)), None)
    if name is None:
        raise NoDashboard("No dashboard is deployed yet.")
    status, _headers, answer = cloudwatch._get_dashboard({}, {"DashboardName": name}, False, True)
    if status != 200:
        raise NoDashboard(f"There is no dashboard {name}.")
    try:
        body = json.loads(json.loads(answer)["DashboardBody"])
        widgets = body["widgets"]
    except (ValueError, KeyError, TypeError) as error:
        raise BadWidget(f"The body of dashboard {name} cannot be read.") from error
    variables = []
    for definition in body.get("variables", ()):
        variables.append(variable := variable_of(definition, chosen))
        if variable["value"] is not None:
            widgets = substituted(widgets, definition, variable["value"])
    return {"name": name, "body": body, "variables": variables, "widgets": widgets}
