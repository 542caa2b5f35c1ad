"""API Gateway's mapping templates, rendered as AWS renders them."""

from local.velocity.template import TemplateFailed, render

__all__ = ["TemplateFailed", "render"]
