"""Whatever begins the tests imports this first."""

import sys

# What checks CI files brings it, users do not have it, and jsonschema would spend a second on it in each process.
sys.modules["rfc3987_syntax"] = None  # type: ignore[assignment]
