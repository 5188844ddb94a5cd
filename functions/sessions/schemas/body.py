"""The body of a request, as all of these routes read it."""

from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, ValidationInfo, field_validator


def without_null(schema: dict[str, Any], body: type["Body"]) -> None:
    """Have the OpenAPI document say that None stands for a field that was left out, and is no value of most."""
    for name, field in schema["properties"].items():
        for kind in field.get("anyOf", []) if name in body.nullable else field.pop("anyOf", []):
            if name in body.nullable:
                field |= {"description": kind.pop("description")} if "description" in kind else {}
            elif kind != {"type": "null"}:
                field |= kind


def not_empty(schema: dict[str, Any], body: type["Body"]) -> None:
    """The same of a body that needs at least one field."""
    without_null(schema, body)
    schema["minProperties"] = 1


class Body(BaseModel):
    """A body whose fields may be left out but, except those in `nullable`, not be null, and which knows no others."""

    nullable: ClassVar[frozenset[str]] = frozenset()

    model_config = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False, json_schema_extra=without_null)

    @field_validator("*", mode="before")
    @classmethod
    def _not_null(cls, value: Any, field: ValidationInfo) -> Any:
        if value is None and field.field_name not in cls.nullable:
            raise ValueError("must not be null")
        return value

    def given(self) -> dict[str, Any]:
        """The fields that the caller gave, an explicit 0, false or "" among them."""
        return {name: getattr(self, name) for name in self.model_fields_set}
