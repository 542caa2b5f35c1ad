"""The pool of users whose tokens open a stage, where it asks for one."""

from __future__ import annotations

from aws_cdk import CfnOutput, Duration, RemovalPolicy, Stack
from aws_cdk import aws_cognito as cognito

from functions.shared.token_issuer import TokenIssuer
from stacks.config import StageConfig
from stacks.security import acknowledge

_PASSWORDS = cognito.PasswordPolicy(
    min_length=12,
    require_lowercase=True,
    require_uppercase=True,
    require_digits=True,
    require_symbols=True,
    temp_password_validity=Duration.days(7),
)


def add_user_pool(stack: Stack, config: StageConfig) -> TokenIssuer:
    """A pool with one client, and the issuer that it is."""
    pool = _add_pool(stack, config)
    client = pool.add_client(
        "Callers",
        auth_flows=cognito.AuthFlow(user_srp=True, admin_user_password=True),
        disable_o_auth=True,
        prevent_user_existence_errors=True,
    )
    CfnOutput(stack, "UserPoolId", value=pool.user_pool_id)
    CfnOutput(stack, "UserPoolClientId", value=client.user_pool_client_id)
    local = config.auth.cognito_endpoint_url
    return TokenIssuer(
        issuer=f"https://{pool.user_pool_provider_name}",
        audience=client.user_pool_client_id,
        caller_claim=config.auth.caller_claim,
        plan_claim=config.auth.plan_claim,
        jwks_url=f"{local}/{pool.user_pool_id}/.well-known/jwks.json" if local else None,
    )


def _add_pool(stack: Stack, config: StageConfig) -> cognito.UserPool:
    pool = cognito.UserPool(
        stack,
        "UserPool",
        user_pool_name=config.service,
        # Whoever could enter himself would spend what the stage's operator pays.
        self_sign_up_enabled=False,
        sign_in_case_sensitive=False,
        password_policy=_PASSWORDS,
        mfa=cognito.Mfa.OPTIONAL,
        mfa_second_factor=cognito.MfaSecondFactor(sms=False, otp=True),
        account_recovery=cognito.AccountRecovery.NONE,
        deletion_protection=config.protect_data,
        removal_policy=RemovalPolicy.RETAIN if config.protect_data else RemovalPolicy.DESTROY,
    )
    acknowledge(pool, "COG2", "People may add a second factor; programs that sign in have none.")
    acknowledge(pool, "COG8", "Threat protection costs per user: the account owner's choice.")
    return pool
