"""New entries and first profiles."""
