"""The browser application that may read the functions' answers; API Gateway answers its preflights by itself."""

from aws_lambda_powertools.event_handler import CORSConfig

from chatkeep.settings import settings

# API Gateway adds the request's id to each answer; its own answers expose the same two by the template.
CORS = CORSConfig(allow_origin=settings().allowed_origin, expose_headers=["Retry-After", "x-amzn-RequestId"])
