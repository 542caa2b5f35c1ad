"""All of the engine that runs in Lambda: one package, one code asset, a handler in each folder.

States, called by `statemachine/orchestrate.asl.json`, each in the folder that is named like it:
    classify, claim (also `Claim Key`), score, invoke_provider, record_metrics (also `Record Failure`)

HTTP, called by API Gateway (`stacks/api/routes.py` has the table):
    api        jobs and lists of them (starting them needs no function), audit records, feedback, models, liveness
    route      the dry run of a decision; the one folder that imports other states' code
    metrics    what the engine did
    console    the page and its files
    docs       the API's description of itself, and the page that shows it
    openai     the routes that OpenAI's clients know, which start the same executions
    admin      callers, their keys and budgets, for operators

Events:
    widgets    called by CloudWatch when somebody looks at the dashboard
    tally      counts each new row of the request log in the metrics and in its caller's spend
    record_stopped  the ends of jobs that no state could record, by Step Functions' events
    sweep      each minute: holds that nobody settled, and alerts of budgets that are used

What they share is in `shared`, in rooms on five floors; imports go down only:
    callers · kept_answers · jobs
    health · policy · money
    contracts · gateway · local_models
    storage · telemetry · catalogue · prompts
    vocabulary · times · errors · settings · attempt_limits · initialising

`layers` lists the third-party packages of each Lambda layer.
"""

import gc

# Imports make a hundred thousand objects that stay, and an event few that refer to each other: to look through
# them all as often as Python does by itself takes a twelfth of a function's start.
gc.set_threshold(50_000, 20, 20)
