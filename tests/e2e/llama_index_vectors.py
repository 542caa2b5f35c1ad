"""LlamaIndex's vectors, with the openai package that it wants; prints their dimensions, as JSON."""

import json
import os

from llama_index.embeddings.openai import OpenAIEmbedding

embedding = OpenAIEmbedding(
    model_name="text-embedding-3-small",
    api_base=os.environ["BASE_URL"],
    api_key=os.environ["API_KEY"],
    dimensions=256,
    max_retries=0,
)
made = [embedding.get_query_embedding("one"), *embedding.get_text_embedding_batch(["two", "three"])]
print(json.dumps([len(one) for one in made]))
