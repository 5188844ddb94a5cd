"""The edge: what stands between a function's event and its domain."""
