"""One module for each command, called like it; each holds a click command of its name."""
