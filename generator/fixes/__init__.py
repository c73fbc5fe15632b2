"""Versions and fix tables: who is affected, and what ends it."""
