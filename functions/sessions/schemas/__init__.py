"""Bodies of the routes, one module for each noun."""
