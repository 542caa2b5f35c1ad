"""Both authorizers of the gateway: whose key is it, and what may its caller do?"""

from __future__ import annotations

import sys
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.authorize.authorizing import Refused, authorize
from functions.authorize.credentials import credential_of
from functions.authorize.refusals import TokenRefused
from functions.authorize.verdicts import allowed, denied
from functions.shared.callers.table import CallerTable
from functions.shared.initialising import at_start
from functions.shared.settings import AuthorizeSettings, read_settings
from functions.shared.storage.clients import dynamodb
from functions.shared.storage.tables import table
from functions.shared.telemetry.observability import logger, metrics


class Unauthorized(Exception):
    """By its text the gateway knows that it is to answer 401:
    https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-use-lambda-authorizer.html"""


at_start(dynamodb)


@metrics.log_metrics(capture_cold_start_metric=True)
@logger.inject_lambda_context(clear_state=True)
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    settings = read_settings(AuthorizeSettings)
    credential = credential_of(event, settings.BEARER_ROUTES, settings.EITHER_ROUTES)
    try:
        authorized = authorize(credential, settings, CallerTable(table(settings.CALLERS_TABLE)))
    except Refused as refused:
        return denied(f"{credential.header}: {refused.reason}", event["methodArn"])
    except TokenRefused as refused:
        logger.info("token refused", reason=str(refused))
        authorized = None
    if authorized is None:
        logger.info("unknown credential")
        sys.tracebacklimit = 0
        raise Unauthorized("Unauthorized")
    return allowed(authorized, event["methodArn"])
