"""READ: the catalog and the profile, as values."""
