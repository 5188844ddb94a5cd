"""The agent of a deployment: its graph, the models that it may call, and what a turn needs of both."""
