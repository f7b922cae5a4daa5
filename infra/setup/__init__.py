"""Prepares a checkout: Python packages, frontend packages, the built site, and what the system must have.

Each step is done once and stamped with a digest of what it was made from, so a second call takes milliseconds. It
needs the standard library only, because it runs before anything is installed.
"""
