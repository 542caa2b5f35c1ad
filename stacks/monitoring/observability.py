"""What is looked at to run a stage: its alarms, its dashboard and its saved queries."""

from __future__ import annotations

from aws_cdk import aws_sns as sns
from constructs import Construct

from stacks.config import StageConfig
from stacks.monitoring.alarms import AlarmSet
from stacks.monitoring.dashboard import add_dashboard
from stacks.monitoring.metric_catalog import MetricCatalog
from stacks.monitoring.monitored_resources import MonitoredResources
from stacks.monitoring.queries import add_queries


class Observability(Construct):
    """Composes; it changes nothing of what it watches."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        config: StageConfig,
        monitored: MonitoredResources,
        alarm_topic: sns.ITopic,
    ) -> None:
        super().__init__(scope, construct_id)
        metrics = MetricCatalog(config.service)
        alarms = AlarmSet(
            self, "Alarms", config=config, metrics=metrics, monitored=monitored, topic=alarm_topic
        )
        add_dashboard(self, config, metrics, monitored, alarms.alarms)
        add_queries(self, metrics.service, monitored)
