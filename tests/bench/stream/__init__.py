"""Cost of streams beside other servers': times between tokens, processor time, capacity, memory."""
