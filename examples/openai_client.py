"""OpenAI's own client: a chat, a stream, and a response that is made in the background."""

import os
import time

from openai import OpenAI

client = OpenAI(
    base_url=os.environ.get("BASE_URL", "http://127.0.0.1:8000/api/v1"),
    api_key=os.environ.get("API_KEY", "dev-key-123"),
)

chat = client.chat.completions.create(
    model="auto:cheap",
    messages=[{"role": "user", "content": "Say hello in three languages."}],
    extra_body={"max_cost_usd": 0.01},
)
print(f"{chat.model}: {chat.choices[0].message.content}")

stream = client.chat.completions.create(
    model="auto", messages=[{"role": "user", "content": "Count to five."}], stream=True
)
for chunk in stream:
    print(chunk.choices[0].delta.content or "", end="")
print()

job = client.responses.create(model="auto:best", input="Name a river in Bern.", background=True)
while job.status in {"queued", "in_progress"}:
    time.sleep(1)
    job = client.responses.retrieve(job.id)
print(f"{job.id} is {job.status}: {job.output_text}")
