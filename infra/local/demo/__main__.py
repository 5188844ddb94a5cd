"""`make console DEMO=1`: the local runner on a data folder that holds a month of conversations.

python -m infra.local.demo
"""

import os
import sys

from infra.local.demo.folder import ready
from infra.local.demo.story import USER
from infra.local.errors import LocalError


def main() -> None:
    caller = dict(os.environ)
    try:
        folder = ready()
    except LocalError as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        sys.exit(130)
    own = {"CHATKEEP_DATA": str(folder), "DYNAMODB_ENDPOINT": "", "USER": USER}
    os.execve(sys.executable, [sys.executable, "-m", "infra.local"], caller | own)  # noqa: S606  the same Python


if __name__ == "__main__":
    main()
