"""OpenAI's own routes: each has a translator there and back, and all start the same executions.

A request becomes one of the native routes' (`chat_request`, `responses_request`), runs through the state machine
(`executions`), and what comes back is written as OpenAI does (`chat_answer`, `responses_answer`, and for streams
`chat_stream`, `responses_stream`). Money, limits and rows are the machine's alone.
"""
