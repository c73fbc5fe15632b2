"""A diagnosis for its readers: data for programs, and of these Markdown for a ticket, and text for who was woken."""
