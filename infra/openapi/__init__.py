"""The OpenAPI document of the whole API: what the routes say, and what only the gateway and the errors know."""
