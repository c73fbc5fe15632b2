"""What changed in the rules between two commits."""
