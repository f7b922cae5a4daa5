"""Gimlet's functions: wire → core → ports → usecases and adapters → wiring → routes (see `docs/architecture.md`)."""
