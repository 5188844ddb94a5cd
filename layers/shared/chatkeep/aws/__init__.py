"""Clients of AWS: their hooks, their time-outs, and the secrets read by one of them."""
