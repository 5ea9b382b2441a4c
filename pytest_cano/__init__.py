"""pytest-cano."""
