"""The runbooks as a web site, whose first page names the failures in a log that one pastes."""
