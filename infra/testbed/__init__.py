"""A real cluster as plain processes, so tests meet the API server and Flux that users have.

`build` compiles the parts once into a cache, `cluster` runs them on loopback, `chromium` finds a browser.
Nothing here is deployed, and nothing under `chalicelib` or `agent` may import it.
"""
