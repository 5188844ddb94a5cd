"""Query parameters: one way to write each value, and each given once, on every route."""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Any, get_args

from aws_lambda_powertools.event_handler.openapi.compat import field_annotation_is_scalar

from chatkeep.errors import FieldProblem, InvalidFieldError

FORMS = {
    bool: (re.compile("true|false"), "must be true or false"),
    date: (re.compile("[0-9]{4}-[0-9]{2}-[0-9]{2}"), "must be a date as YYYY-MM-DD"),
    int: (re.compile("[0-9]+"), "must be a whole number, in digits alone"),
}
"""Pydantic by itself takes `on` for true, 0 for a date, and `1_0`, ` 10`, `1.0` and digits of any script for 10."""


def check(app: Any) -> None:
    """Raises InvalidFieldError naming each parameter of the current route that is given twice or not in its form."""
    given = app.current_event.multi_value_query_string_parameters
    if problems := list(_problems(app.context["_route"].dependant.query_params, given)):
        raise InvalidFieldError(*problems)


def _problems(parameters: Sequence[Any], given: Mapping[str, list[str]]) -> Iterator[FieldProblem]:
    for parameter in parameters:
        values, annotation = given.get(parameter.alias) or [], parameter.field_info.annotation
        if len(values) > 1 and field_annotation_is_scalar(annotation):
            yield FieldProblem(parameter.alias, "is given more than once")
            continue
        for kind in {annotation, *get_args(annotation)} & FORMS.keys():
            form, detail = FORMS[kind]
            if not all(map(form.fullmatch, values)):
                yield FieldProblem(parameter.alias, detail)
