"""The context of a model: what it is given of a thread that has grown longer than it reads."""
