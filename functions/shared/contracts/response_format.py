"""The form that an answer is to have."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import ConfigDict, Field, JsonValue, StringConstraints, model_validator
from pydantic.config import JsonDict

from functions.shared.vocabulary import Strict


class JsonSchemaFormat(Strict):
    name: Annotated[str, StringConstraints(pattern=r"^[a-zA-Z0-9_-]{1,64}$")]
    description: str | None = None
    # `schema` would shadow pydantic's own attribute.
    schema_: dict[str, JsonValue] = Field(alias="schema")
    """A JSON Schema that refers to itself alone."""
    strict: bool | None = None


_SCHEMA_OF_ITS_TYPE: JsonDict = {
    "oneOf": [
        {
            "properties": {
                "type": {"const": "json_schema"},
                "json_schema": {"not": {"type": "null"}},
            },
            "required": ["json_schema"],
        },
        {
            "properties": {
                "type": {"enum": ["text", "json_object"]},
                "json_schema": {"type": "null"},
            }
        },
    ]
}


class ResponseFormat(Strict):
    model_config = ConfigDict(json_schema_extra=_SCHEMA_OF_ITS_TYPE)

    type: Literal["text", "json_object", "json_schema"]
    json_schema: JsonSchemaFormat | None = None

    @model_validator(mode="after")
    def _has_its_schema(self) -> Self:
        if (self.type == "json_schema") != (self.json_schema is not None):
            raise ValueError("json_schema belongs to the type json_schema, and only there")
        return self
