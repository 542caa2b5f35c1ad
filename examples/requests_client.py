"""The API by plain HTTP, without any client of ours or of others."""

import os

import requests

BASE_URL = os.environ.get("BASE_URL", "http://127.0.0.1:8000/api/v1")
API_KEY = os.environ.get("API_KEY", "dev-key-123")

response = requests.post(
    f"{BASE_URL}/generate",
    headers={"X-API-Key": API_KEY},
    json={
        "task": "summarize",
        "model_preference": "cheap",
        "text": "Each request runs as a state machine. When a provider fails, the next one is called.",
    },
    timeout=30,
)
answer = response.json()
if not answer["success"]:
    raise SystemExit(f"{response.status_code}: {answer['error']['message']}")
print(answer["result"])
print(f"{answer['routing']['selected_model']}, {answer['usage']['total_cost_usd']} USD")
