"""Commands of runbooks: written for a site, read without being run."""
