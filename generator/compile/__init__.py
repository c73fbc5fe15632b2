"""COMPILE: entries and profile to rules, as data."""
