"""What kubectl says of a cluster."""
