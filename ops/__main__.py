"""`python -m ops prove | document | reprice | reconcile | callers`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from botocore.exceptions import BotoCoreError, ClientError

from ops import callers, reconcile, reprice
from ops.prove import document
from ops.prove.running import prove
from ops.prove.table import CHECKS
from ops.stage import NoStage, Stage, deployed_stage, local_stage
from training.routing.request_rows import NoRowsToRead, period_of


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; answer its exit code."""
    options = _parser().parse_args(arguments)
    try:
        code: int = options.run(options)
    except (NoStage, NoRowsToRead, BotoCoreError, ClientError) as error:
        print(error, file=sys.stderr)
        return 2
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m ops", description="The operator's commands.")
    commands = parser.add_subparsers(required=True)
    proving = commands.add_parser("prove", help="settle on a stage what only AWS can tell")
    proving.set_defaults(run=_prove)
    _add_stage(proving)
    proving.add_argument("--only", choices=[check.name for check in CHECKS], metavar="NAME")
    proving.add_argument("--list", action="store_true", help="say the names and what each settles")
    writing = commands.add_parser(
        "document", help="write docs/aws-unproven.md and docs/providers.md"
    )
    writing.set_defaults(run=_document)
    repricing = commands.add_parser("reprice", help="hold the logged costs against today's prices")
    repricing.set_defaults(run=_reprice)
    _add_stage(repricing)
    repricing.add_argument("--since", default="30d", metavar="AGE", help="5m, 24h, 7d")
    reconciling = commands.add_parser(
        "reconcile", help="hold budgets, request log, kept calls and metrics against each other"
    )
    reconciling.set_defaults(run=_reconcile)
    _add_stage(reconciling)
    reconciling.add_argument("--since", default="30d", metavar="AGE", help="5m, 24h, 7d")
    managing = commands.add_parser(
        "callers", help="make callers, turn their keys, set what they may spend"
    )
    managing.set_defaults(run=_callers)
    callers.add_verbs(managing, _add_stage)
    return parser


def _add_stage(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--stage", default="dev")
    parser.add_argument("--local", action="store_true", help="ask the local stack instead")
    parser.add_argument("--port", type=int, default=8000, help="the local stack's")


def _stage(options: argparse.Namespace) -> Stage:
    return local_stage(options.port) if options.local else deployed_stage(options.stage)


def _prove(options: argparse.Namespace) -> int:
    chosen = [check for check in CHECKS if options.only in (None, check.name)]
    if options.list:
        print("\n".join(f"{check.name}: {check.fact}" for check in chosen))
        return 0
    return prove(_stage(options), chosen)


def _reprice(options: argparse.Namespace) -> int:
    return reprice.run(_stage(options), period_of(options.since))


def _reconcile(options: argparse.Namespace) -> int:
    return reconcile.run(_stage(options), period_of(options.since))


def _callers(options: argparse.Namespace) -> int:
    return callers.run(_stage(options), options)


def _document(_options: argparse.Namespace) -> int:
    # It imports every SDK, which no other command needs.
    from ops import provider_page  # noqa: PLC0415

    document.PATH.write_text(document.document(), "utf-8")
    provider_page.PATH.write_text(provider_page.page(), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
