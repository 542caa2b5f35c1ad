"""Token counts before a provider has told the true ones."""

BYTES_PER_TOKEN = 4
IMAGE_TOKENS = 1_600
"""About what Claude counts for the largest image it does not scale down: width * height / 750
(platform.claude.com/docs/en/build-with-claude/vision); OpenAI counts fewer."""
INSTRUCTION_TOKENS = 60
"""What the task's own instruction and the wire format add."""


def tokens_of(text: str) -> int:
    """English runs at about four bytes a token; other scripts have more bytes and more tokens alike."""
    return -(-len(text.encode("utf-8", "replace")) // BYTES_PER_TOKEN)


def estimate_tokens(text: str) -> int:
    """The input tokens of a request that shows the model this text."""
    return tokens_of(text) + INSTRUCTION_TOKENS
