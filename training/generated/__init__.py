"""What is made from sources outside: the price table and the table of providers from
genai-prices, the rates of bytes per token from real tokenizers."""
