"""Makes what is deployed: the zip, the template of all functions and of what they keep, and the image's context."""
