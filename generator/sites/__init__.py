"""What a site holds, which preset fits, and what the rules would not see."""
