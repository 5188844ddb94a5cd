"""The code that Chatkeep's Lambda functions share."""
