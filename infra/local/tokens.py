"""Bearer tokens as the local user pool issues them, and the authorizer that reads them.

python -m infra.local.tokens USER [SECONDS]    prints a token
"""

import sys
import time
from typing import Any

import jwt

from infra.local.errors import LocalError
from infra.local.folder import data_folder, secret
from infra.local.gateway import Claims, UnauthorizedError

ISSUER = "chatkeep-local"
CLIENT = "chatkeep"
KEY = "token-key"
DEFAULT_SECONDS = 12 * 60 * 60
_ALGORITHM = "HS256"


def issue(key: str, user: str, seconds: int = DEFAULT_SECONDS) -> str:
    """An id token of a user, valid for so long; negative seconds make an expired one."""
    now = int(time.time())
    claims: dict[str, Any] = {
        "sub": user,
        "cognito:username": user,
        "token_use": "id",
        "iss": ISSUER,
        "aud": CLIENT,
        "iat": min(now, now + seconds),
        "exp": now + seconds,
    }
    return jwt.encode(claims, key, _ALGORITHM)


def authorize(key: str, authorization: str | None) -> Claims:
    """The claims of the token in an Authorization header. Raises UnauthorizedError."""
    scheme, _, token = (authorization or "").partition(" ")
    if scheme.lower() != "bearer":
        raise UnauthorizedError
    try:
        claims = jwt.decode(
            token.strip(),
            key,
            [_ALGORITHM],
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
    user, *seconds = sys.argv[1:]
    try:
        print(issue(signing_key(), user, int(seconds[0]) if seconds else DEFAULT_SECONDS))
    except LocalError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
