"""HTTP, addresses and credentials, and what servers answer."""
