"""A month of one user's life, made by the functions themselves, so that the console has something to show."""
