"""Formats of text in bodies, as the OpenAPI document names them; they are not checked again when a body is read."""

import re
from typing import Annotated

from pydantic import Field

Id = Annotated[str, Field(json_schema_extra={"format": "uuid"})]
SESSION_ID = "^[A-Za-z0-9_.:-]{1,100}$"
RESERVED = {"bulk", ".", ".."}
"""Ids that a path could not hold, or that stand for something else in one."""
UUID_SHAPED = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
SessionId = Annotated[str, Field(json_schema_extra={"pattern": SESSION_ID})]
Instant = Annotated[str, Field(json_schema_extra={"format": "date-time"})]
Day = Annotated[str, Field(json_schema_extra={"format": "date"})]
