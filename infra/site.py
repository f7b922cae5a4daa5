"""How the static site is served, as values: the same headers behind CloudFront and on a laptop.

Source of the rules: the page loads only from its own origin, runs no inline script, and allows inline styles because
its component library sets them.
"""

from __future__ import annotations

CONTENT_SECURITY_POLICY = "; ".join(
    [
        "default-src 'self'",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data:",
        "object-src 'none'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    ]
)
SITE_HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
PAGE_CACHE = "no-cache"
ASSET_CACHE = "public, max-age=31536000, immutable"  # a built asset carries its hash in its name
ASSETS = "assets"
API_PREFIXES = ("/api", "/v1", "/hook", "/health")
SOCKET_PATH = "/ws"
