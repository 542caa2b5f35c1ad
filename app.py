"""The CDK app: `cdk synth -c stage=local|dev|prod`. Needs no AWS account and no network."""

from aws_cdk import App

from stacks.stage import add_stage

app = App()
add_stage(app)
app.synth()
