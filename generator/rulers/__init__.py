"""LOAD: what differs on a ruler, push, rollback."""
