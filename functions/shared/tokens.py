"""Token counts before a provider has told the true ones."""

BYTES_PER_TOKEN = 4
INSTRUCTION_TOKENS = 60
"""What the task's own instruction and the wire format add."""


def estimate_tokens(text: str) -> int:
    """English runs at about four bytes a token; other scripts have more bytes and more tokens alike."""
    return -(-len(text.encode("utf-8", "replace")) // BYTES_PER_TOKEN) + INSTRUCTION_TOKENS
