"""The CDK app: `cdk synth -c stage=<name>`, which cdk.json lists. Needs no account, no network."""

import sys

from aws_cdk import App

from stacks.config import UnknownStage
from stacks.stage import add_stage

app = App()
try:
    add_stage(app)
except UnknownStage as error:
    sys.exit(str(error))
app.synth()
