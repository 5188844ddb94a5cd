"""Chatkeep: what its Lambda functions share."""
