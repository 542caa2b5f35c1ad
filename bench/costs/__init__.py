"""What a stage costs: `python -m bench.costs` writes docs/costs.md, from the template that is deployed."""
