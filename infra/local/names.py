"""The names by which Lambda's API knows a function: its own, its ARN, or a part of that, with a qualifier or without.

https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html
"""

import re
from collections.abc import Mapping

from infra.local.events import ACCOUNT_ID
from infra.local.intrinsics import PSEUDO_PARAMETERS
from infra.local.stack import FUNCTION_ARN
from infra.local.template import Function

_NAME = re.compile(
    rf"(?:{FUNCTION_ARN}|{ACCOUNT_ID}:function:|function:)?"
    rf"(?:{PSEUDO_PARAMETERS['AWS::StackName']}-)?(?P<id>\w+)(?::(?P<qualifier>[$\w-]+))?"
)


def find(functions: Mapping[str, Function], name: str, qualifier: str | None = None) -> Function | None:
    """The function of that name, as it is unpublished or by its alias; `functions` are by logical id."""
    match = _NAME.fullmatch(name)
    function = functions.get(match["id"]) if match else None
    if match is None or function is None:
        return None
    asked = {match["qualifier"], qualifier} - {None, "$LATEST"}
    return function if asked <= {function.alias} else None
