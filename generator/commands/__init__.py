"""One module for each command; they alone print and exit.

A module is called like its command and holds a click command, `command`.
"""
