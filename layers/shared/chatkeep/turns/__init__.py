"""The turn engine: one writer per session, each turn exactly once, and nothing visible of one that died."""
