"""What breaks first when more is asked, and what to raise: `python -m bench.scale` writes it into docs/scale.md.

quotas.toml has every quota with its source, limits.toml what of the engine runs into it, assumed.toml what neither
they nor bench/results.json tell. From them `limits` reckons rates, and `simulation` lets a load run into them.
"""
