"""The turn engine: one writer a session, each turn exactly once, and nothing visible of one that died."""
