"""Access to DynamoDB, below any table."""
