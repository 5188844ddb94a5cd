"""Models of providers, made such that nothing they send or refuse harms a session."""
