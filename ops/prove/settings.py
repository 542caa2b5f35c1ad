"""How the stage is set up: its deployment, its secrets, its encryption on the way."""

from __future__ import annotations

import socket
import ssl
from urllib.parse import urlsplit

from ops.prove.check import Finding, cannot_tell, held, judged, not_held
from ops.prove.probe import Probe

_TIMEOUT_S = 10


def the_deployment_is_as_configured(probe: Probe) -> Finding:
    stage = probe.stage.gateway_stage
    every = stage["methodSettings"].get("*/*", {})
    wanted = {
        "loggingLevel": every.get("loggingLevel") == "ERROR",
        "no data trace": not any(
            one.get("dataTraceEnabled") for one in stage["methodSettings"].values()
        ),
        "tracing": stage.get("tracingEnabled") is True,
        "access log": bool(stage.get("accessLogSettings", {}).get("destinationArn")),
        "no cache": not stage.get("cacheClusterEnabled", False),
    }
    return judged(
        [f"not so: {name}" for name, is_so in wanted.items() if not is_so], ", ".join(wanted)
    )


def no_per_method_metrics(probe: Probe) -> Finding:
    settings = probe.stage.gateway_stage["methodSettings"]
    paid = [name for name, one in settings.items() if one.get("metricsEnabled")]
    return judged([f"metrics per method are on for {name}" for name in paid], "none is paid for")


def secrets_keep_their_values(probe: Probe) -> Finding:
    client, versions = probe.stage.client("secretsmanager"), {}
    for arn in probe.stage.physical_ids("AWS::SecretsManager::Secret"):
        secret = client.describe_secret(SecretId=arn)
        stages = secret.get("VersionIdsToStages") or {}
        current = [one for one, labels in stages.items() if "AWSCURRENT" in labels]
        versions[secret["Name"].rpartition("/")[2]] = current[0][:8] if current else "no value"
    return cannot_tell(
        f"{versions}; deploy with a changed description of the secrets, and they must be the same"
    )


def old_tls_is_refused(probe: Probe) -> Finding:
    if probe.stage.is_local:
        return cannot_tell("the local stack has no TLS")
    host = urlsplit(probe.stage.root_url).hostname or ""
    try:
        old = _handshake(host, ssl.TLSVersion.TLSv1_1)
    except ValueError:
        return cannot_tell("this machine's OpenSSL offers no TLS 1.1 to be refused")
    new = _handshake(host, None)
    if new is None:
        return not_held("no handshake at all")
    return (
        held(f"TLS 1.1 is refused, {new} is spoken") if old is None else not_held(f"{old} passes")
    )


def _handshake(host: str, at_most: ssl.TLSVersion | None) -> str | None:
    """The version that both sides agreed on, or None. Raises ValueError where ours cannot."""
    context = ssl.create_default_context()
    if at_most is not None:
        # Of today's OpenSSL only the lowest security level speaks it at all.
        context.set_ciphers("ALL:@SECLEVEL=0")
        context.minimum_version, context.maximum_version = at_most, at_most
    try:
        with (
            socket.create_connection((host, 443), _TIMEOUT_S) as plain,
            context.wrap_socket(plain, server_hostname=host) as secure,
        ):
            return secure.version()
    except ssl.SSLError as error:
        if error.reason == "NO_PROTOCOLS_AVAILABLE":
            raise ValueError(error.reason) from None
        return None
    except ConnectionResetError:
        return None
