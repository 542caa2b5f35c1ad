"""FlushStageAuthorizersCache: upstream keeps what authorizers answered, and has no way to forget it."""

from __future__ import annotations

from typing import Any

from ministack.services import apigateway_v1 as gateway

_handle_request = gateway.handle_request


async def _request(method: str, path: str, *request: Any) -> Any:
    match method, path.strip("/").split("/"):
        case "DELETE", ["restapis", api_id, "stages", stage_name, "cache", "authorizers"]:
            return _forget(api_id, stage_name)
    return await _handle_request(method, path, *request)


def _forget(api_id: str, stage_name: str) -> Any:
    if stage_name not in gateway.stages_for_api(api_id):
        return gateway._v1_error("NotFoundException", "Invalid stage identifier specified", 404)
    # By account, region, API, authorizer, stage and what the caller identified itself with.
    for key in [
        one for one in gateway._authorizer_cache if (one[2], one[4]) == (api_id, stage_name)
    ]:
        del gateway._authorizer_cache[key]
    return 202, {}, b""


def install() -> None:
    """Replace ministack's function."""
    gateway.handle_request = _request
