"""From logs as they come to the documented failures that are in them."""
