"""The OpenAPI document of the whole API, from the routes, the errors and the gateway's own answers."""
