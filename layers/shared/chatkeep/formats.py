"""Formats of text in bodies, as the OpenAPI document names them; they are not checked again when a body is read."""

from typing import Annotated

from pydantic import Field

Id = Annotated[str, Field(json_schema_extra={"format": "uuid"})]
SESSION_ID = "^[A-Za-z0-9_.:-]{1,100}$"
SessionId = Annotated[str, Field(json_schema_extra={"pattern": SESSION_ID})]
Instant = Annotated[str, Field(json_schema_extra={"format": "date-time"})]
Day = Annotated[str, Field(json_schema_extra={"format": "date"})]
