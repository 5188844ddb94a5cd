"""The browser application that may read the functions' answers; API Gateway answers its preflights by itself."""

from aws_lambda_powertools.event_handler import CORSConfig

from chatkeep.settings import settings

CORS = CORSConfig(allow_origin=settings().allowed_origin, expose_headers=["Retry-After"])
