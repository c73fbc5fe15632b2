"""Where what is shipped lies."""

from pathlib import Path

PACKAGE = Path(__file__).parents[1]  # importlib.resources says the same after ten times as long


def shipped_catalog() -> Path:
    """The folder beside the package in a checkout, inside the package where it is installed."""
    installed = PACKAGE / "_catalog"
    return installed if installed.is_dir() else PACKAGE.parent / "catalog"
