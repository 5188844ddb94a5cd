"""The edge: between a function's event and its domain."""
