"""What the engine is measured beside: other gateways, installed apart in `.venv/peers`."""
