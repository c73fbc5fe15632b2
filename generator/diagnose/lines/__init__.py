"""One line of a log: what the program printed, inside all that collectors and tools wrap around it."""
