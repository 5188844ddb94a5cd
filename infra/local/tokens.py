"""Bearer tokens as the local user pool issues them, and the authorizer that reads them.

python -m infra.local.tokens USER [SECONDS [GROUP,...]]    prints a token
"""

import sys
import time
from collections.abc import Sequence
from typing import Any

import jwt

from infra.local.errors import LocalError
from infra.local.folder import data_folder, secret
from infra.local.gateway import Claims, UnauthorizedError

ISSUER = "chatkeep-local"
CLIENT = "chatkeep"
KEY = "token-key"
DEFAULT_SECONDS = 12 * 60 * 60
ALGORITHM = "HS256"


def issue(key: str, user: str, seconds: int = DEFAULT_SECONDS, groups: Sequence[str] = ()) -> str:
    """An id token of a user in these groups, valid for so long; negative seconds make an expired one.

    The user's id is the name too, which Cognito has of a user who gave one.
    """
    now = int(time.time())
    claims: dict[str, Any] = {
        "sub": user,
        "cognito:username": user,
        "name": user,
        "token_use": "id",
        "iss": ISSUER,
        "aud": CLIENT,
        "iat": min(now, now + seconds),
        "exp": now + seconds,
    }
    if groups:  # Cognito leaves the claim out for a user in none
        claims["cognito:groups"] = list(groups)
    return jwt.encode(claims, key, ALGORITHM)


def authorize(key: str, authorization: str | None) -> Claims:
    """The claims of the token in an Authorization header. Raises UnauthorizedError."""
    scheme, _, token = (authorization or "").partition(" ")
    if scheme.lower() != "bearer":
        raise UnauthorizedError
    try:
        claims = jwt.decode(
            token.strip(),
            key,
            [ALGORITHM],
            audience=CLIENT,
            issuer=ISSUER,
            options={"require": ["exp", "sub", "token_use"]},
        )
    except jwt.ExpiredSignatureError as error:
        raise UnauthorizedError("EXPIRED_TOKEN") from error
    except Exception as error:  # not only the library's own: some texts take it by surprise
        raise UnauthorizedError from error
    if claims["token_use"] != "id" or not claims["sub"]:  # noqa: S105  not a password
        raise UnauthorizedError
    return claims


def signing_key() -> str:
    """The key of this data folder. Raises FolderError."""
    return secret(data_folder(), KEY)


def main() -> None:
    user, seconds, groups, *_ = [*sys.argv[1:], "", ""]
    named = [group for group in groups.split(",") if group]
    try:
        print(issue(signing_key(), user, int(seconds or DEFAULT_SECONDS), named))
    except LocalError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
