"""The errors with which a request to DynamoDB ends."""

from botocore.exceptions import BotoCoreError, ClientError
from pynamodb.exceptions import PynamoDBException

STORAGE_ERRORS = (PynamoDBException, BotoCoreError, ClientError)
"""Those of all clients: PynamoDB's, and boto3's, which the checkpointer uses. The request may have succeeded all the
same."""
