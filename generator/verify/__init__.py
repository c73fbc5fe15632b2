"""VERIFY: are the rules live, and do they reach somebody."""
