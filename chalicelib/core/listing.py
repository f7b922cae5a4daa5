"""How long lists may be."""

DEFAULT_LIMIT = 50
MAX_LIMIT = 200
