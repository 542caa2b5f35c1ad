"""`python -m training`: make the price table, train the local models, measure them."""

from __future__ import annotations

import argparse
import json
import sys
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
    providers = commands.add_parser("providers", help="generate the README's table of providers")
    providers.add_argument("--check", action="store_true", help="fail where the table differs")
    providers.set_defaults(run=_providers)
    train = commands.add_parser("train", help="train a local model and export it to ONNX")
    train.add_argument("model", choices=("classifier", "sentiment"))
    train.add_argument("--data", type=Path, required=True, metavar="DIR")
    train.add_argument("--out", type=Path, metavar="FILE", help="instead of the shipped file")
    train.set_defaults(run=_train)
    evaluate = commands.add_parser("evaluate", help="print a local model's metrics as JSON")
    evaluate.add_argument("model", choices=("classifier", "sentiment"))
    evaluate.add_argument("--data", type=Path, required=True, nargs="+", metavar="FILE")
    evaluate.set_defaults(run=_evaluate)
    report = commands.add_parser("report", help="measure on held-out rows, into docs/models.md")
    report.add_argument("--data", type=Path, required=True, metavar="DIR")
    report.add_argument("--docs", type=Path, default=Path("docs"), metavar="DIR")
    report.set_defaults(run=_report)
    return parser


# Each command imports its own packages: making prices needs no scikit-learn, training no prices.


def _prices(arguments: argparse.Namespace) -> int:
    from training.prices import PRICES_FILE, render_prices

    return _generate(PRICES_FILE, render_prices(), arguments)


def _providers(arguments: argparse.Namespace) -> int:
    from training.provider_table import README, render_readme

    return _generate(README, render_readme(README.read_text("utf-8")), arguments)


def _generate(file: Path, rendered: str, arguments: argparse.Namespace) -> int:
    if not arguments.check:
        file.write_text(rendered, "utf-8")
    elif file.read_text("utf-8") != rendered:
        print(f"{file.name} is not what its sources give; run: make prices", file=sys.stderr)
        return 1
    return 0


def _train(arguments: argparse.Namespace) -> int:
    from training.classifier import train_classifier
    from training.sentiment import train_sentiment

    train = {"classifier": train_classifier, "sentiment": train_sentiment}[arguments.model]
    train(arguments.data, arguments.out or MODELS_FOLDER / f"{arguments.model}.onnx")
    return 0


def _evaluate(arguments: argparse.Namespace) -> int:
    from training.evaluation import evaluate_files

    model = local_models.load_model(arguments.model)
    predict = local_models.classify_task if arguments.model == "classifier" else model.predict
    report = evaluate_files(arguments.data, predict, model.labels, model.threshold)
    print(json.dumps(report, indent=1))
    return 0


def _report(arguments: argparse.Namespace) -> int:
    from training.reporting import write_report

    write_report(arguments.data, arguments.docs)
    return 0


if __name__ == "__main__":
    sys.exit(main())
