"""Chatkeep on this machine: the API of template.yaml, its functions, its tables and a small model."""
