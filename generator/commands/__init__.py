"""One module for each command, and what they share; they alone print and exit.

A module that is called like a command holds it, as a click command with the name `command`.
"""
