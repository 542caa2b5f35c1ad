"""`python -m training`: make the price table, train the local models, measure them."""

from __future__ import annotations

import argparse
import json
import sys
from datetime import UTC, datetime
from pathlib import Path

from functions.shared import local_models

MODELS_FOLDER = Path(local_models.__file__).parent


def main() -> int:
    """Exits with 2 and one line where the usage or a file is at fault."""
    from training.data import MalformedRows

    arguments = _parser().parse_args()
    try:
        return int(arguments.run(arguments))
    except (MalformedRows, OSError) as error:
        print(f"python -m training: {error}", file=sys.stderr)
        return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m training")
    commands = parser.add_subparsers(dest="command", required=True)
    prices = commands.add_parser("prices", help="generate the price table from genai-prices")
    prices.add_argument("--check", action="store_true", help="fail where the file differs")
    prices.set_defaults(run=_prices)
    providers = commands.add_parser(
        "providers", help="generate the table of providers in docs/catalogue.md"
    )
    providers.add_argument("--check", action="store_true", help="fail where the table differs")
    providers.set_defaults(run=_providers)
    train = commands.add_parser("train", help="train a local model and export it to ONNX")
    train.add_argument("model", choices=("classifier", "sentiment"))
    train.add_argument("--data", type=Path, required=True, metavar="DIR")
    train.add_argument("--out", type=Path, metavar="FILE", help="instead of the shipped file")
    train.set_defaults(run=_train)
    evaluate = commands.add_parser("evaluate", help="print how good it is as JSON")
    evaluated = evaluate.add_subparsers(dest="model", required=True)
    for model in ("classifier", "sentiment"):
        local = evaluated.add_parser(model, help="a local model on labelled rows")
        local.add_argument("--data", type=Path, required=True, nargs="+", metavar="FILE")
        local.set_defaults(run=_evaluate)
    routing = evaluated.add_parser("routing", help="routing on per-model outcomes")
    routing.add_argument("--train", type=Path, required=True, metavar="DIR")
    routing.add_argument("--data", type=Path, required=True, metavar="DIR")
    routing.add_argument("--plot", type=Path, default=Path("routing.png"), metavar="FILE")
    routing.set_defaults(run=_evaluate_routing)
    tokens = commands.add_parser("tokens", help="fit bytes per token to real tokenizers")
    tokens.add_argument("--data", type=Path, required=True, metavar="DIR")
    tokens.set_defaults(run=_tokens)
    lengths = commands.add_parser("lengths", help="how much the lengths of answers vary")
    lengths.add_argument("--data", type=Path, required=True, metavar="DIR")
    lengths.set_defaults(run=_lengths)
    words = commands.add_parser("words", help="list the words that are one token everywhere")
    words.set_defaults(run=_words)
    report = commands.add_parser("report", help="measure on held-out rows, into docs/models.md")
    report.add_argument("--data", type=Path, required=True, metavar="DIR")
    report.add_argument("--docs", type=Path, default=Path("docs"), metavar="DIR")
    report.set_defaults(run=_report)
    _add_fit_routing(commands.add_parser("fit-routing", help="graded requests into a policy"))
    _add_replay(commands.add_parser("replay", help="what another policy would change"))
    return parser


def _add_fit_routing(fit: argparse.ArgumentParser) -> None:
    _add_row_options(fit, "30d")
    fit.add_argument("--outcomes", type=Path, nargs="+", default=[], metavar="FILE_OR_DIR")
    fit.add_argument("--task", default="", help="of outcomes that name none")
    fit.add_argument(
        "--model-id",
        action="append",
        default=[],
        metavar="NAME=ID",
        help="the catalogue's id of a model that the outcomes call NAME",
    )
    fit.add_argument("--include-mock", action="store_true", help="grades of the simulator, too")
    fit.add_argument("--name", required=True, help="of the policy")
    fit.add_argument("--base", default="default", metavar="NAME_OR_FILE", help="gives the weights")
    fit.add_argument("--out", type=Path, metavar="FILE", help="instead of the deployed folder")
    fit.set_defaults(run=_fit_routing)


def _add_replay(replay: argparse.ArgumentParser) -> None:
    _add_row_options(replay, "7d")
    replay.add_argument("--policy", required=True, metavar="NAME_OR_FILE")
    replay.add_argument(
        "--catalogue", type=Path, metavar="FILE", help="instead of the deployed one"
    )
    replay.add_argument("--json", action="store_true")
    replay.set_defaults(run=_replay)


def _add_row_options(parser: argparse.ArgumentParser, period: str) -> None:
    source = parser.add_mutually_exclusive_group()
    source.add_argument("--rows", type=Path, nargs="+", metavar="FILE", help="requests as JSONL")
    source.add_argument("--table", metavar="NAME", help="the request log, else $REQUESTS_TABLE")
    parser.add_argument("--since", metavar="AGE", help=f"of the table: 5m, 24h, 7d; else {period}")


# Each command imports its own packages: making prices needs no scikit-learn, training no prices.


def _prices(arguments: argparse.Namespace) -> int:
    from training.generated.prices import PRICES_FILE, ChangedEdition, render_prices

    try:
        rendered = render_prices(PRICES_FILE.read_text("utf-8"))
    except ChangedEdition as error:
        print(f"{PRICES_FILE.name}: {error}", file=sys.stderr)
        return 2
    code = _generate(PRICES_FILE, rendered, arguments)
    return _say_stale(arguments.check) or code


def _say_stale(only_say: bool) -> int:
    """A check is of the code and never fails by the calendar alone."""
    from functions.shared.catalogue.models import load_catalogue
    from training.generated.freshness import stale

    found = stale(load_catalogue(), datetime.now(UTC).date())
    if only_say and found:
        print(f"{found[0]}; {len(found)} of its kind, make prices names all", file=sys.stderr)
    elif found:
        print("\n".join(found), file=sys.stderr)
    return 1 if found and not only_say else 0


def _providers(arguments: argparse.Namespace) -> int:
    from training.generated.provider_table import PAGE, rendered

    return _generate(PAGE, rendered(PAGE.read_text("utf-8")), arguments)


def _generate(file: Path, rendered: str, arguments: argparse.Namespace) -> int:
    if not arguments.check:
        file.write_text(rendered, "utf-8")
    elif file.read_text("utf-8") != rendered:
        print(f"{file.name} is not what its sources give; run: make prices", file=sys.stderr)
        return 1
    return 0


def _train(arguments: argparse.Namespace) -> int:
    from training.local_models.classifier import train_classifier
    from training.local_models.sentiment import train_sentiment

    train = {"classifier": train_classifier, "sentiment": train_sentiment}[arguments.model]
    train(arguments.data, arguments.out or MODELS_FOLDER / f"{arguments.model}.onnx")
    return 0


def _evaluate(arguments: argparse.Namespace) -> int:
    from training.local_models.evaluation import evaluate_files

    model = local_models.load_model(arguments.model)
    predict = local_models.classify_task if arguments.model == "classifier" else model.predict
    report = evaluate_files(arguments.data, predict, model.labels, model.threshold)
    print(json.dumps(report, indent=1))
    return 0


def _evaluate_routing(arguments: argparse.Namespace) -> int:
    from training.routing.evaluation import evaluate_routing

    report = evaluate_routing(arguments.train, arguments.data, arguments.plot)
    print(json.dumps(report, indent=1))
    return 0


def _tokens(arguments: argparse.Namespace) -> int:
    from training.generated.token_rates import calibrate

    print(json.dumps(calibrate(arguments.data), indent=1))
    return 0


def _lengths(arguments: argparse.Namespace) -> int:
    from training.routing.answer_lengths import run_lengths

    return run_lengths(arguments)


def _words(_arguments: argparse.Namespace) -> int:
    from training.generated.common_words import WORDS_FILE, render_common_words

    WORDS_FILE.write_text(render_common_words(), "utf-8")
    return 0


def _report(arguments: argparse.Namespace) -> int:
    from training.local_models.reporting import write_report

    write_report(arguments.data, arguments.docs)
    return 0


def _fit_routing(arguments: argparse.Namespace) -> int:
    from training.routing.fitting import run_fit_routing

    return run_fit_routing(arguments)


def _replay(arguments: argparse.Namespace) -> int:
    from training.routing.replay import run_replay

    return run_replay(arguments)


if __name__ == "__main__":
    sys.exit(main())
