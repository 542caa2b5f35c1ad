#!/usr/bin/env bash
# Chat Completions, whole and as a stream, and what the routing decided, from its headers.
set -euo pipefail
BASE_URL="${BASE_URL:-http://127.0.0.1:8000/api/v1}"
API_KEY="${API_KEY:-dev-key-123}"

ask() {
  curl --silent --show-error --fail-with-body "$BASE_URL/chat/completions" \
    --header "Authorization: Bearer $API_KEY" --header 'Content-Type: application/json' "$@"
}

ask --dump-header /dev/stderr \
  --data '{"model": "auto", "messages": [{"role": "user", "content": "Say hello."}]}' 2>&1 |
  grep --ignore-case --extended-regexp '^x-(model|provider|cost-usd)|^\{'
echo
ask --no-buffer \
  --data '{"model": "auto", "stream": true, "messages": [{"role": "user", "content": "Say hello."}]}'
