"""The demo's application repository: a shop with a manifest for each of two environments, and what to try with it."""

from __future__ import annotations

APP = "shop"
ENVIRONMENTS = ("staging", "production")

_MANIFEST = """\
app: shop
env: {environment}
namespace: shop-{environment}
deploy:
{policy}
chart:
  name: webapp
values:
  image:
    repository: registry.example/shop
    tag: "{tag}"
  replicas: {replicas}
  progressDeadlineSeconds: 20
  containerPort: 8080
  probe:
    enabled: true
    path: /health
  vars:
    GREETING: hello from {environment}
  ingress:
    host: shop.{environment}.example
  gitRepository: demo/shop
  gitSha: "{{{{ .SHA }}}}"
"""
_README = """\
# shop

An app to try Gimlet with. `.gimlet/` says where it runs: every push to `main` goes to staging, every tag that begins
with `v` goes to production.

    git commit --allow-empty -m "Try it" && git push           # staging
    git tag v1.0.1 && git push origin v1.0.1                    # production

Break it on purpose: in `.gimlet/staging.yaml`, change `tag` to "does-not-exist", commit and push. The page names the
step that fails and why. Roll back there, and it is live again.
"""


def files() -> dict[str, str]:
    """The first commit's files, by path."""
    staging = "  event: push\n  branch: main"
    production = '  event: tag\n  tag: "v*"'
    return {
        "README.md": _README,
        "greeting.txt": "hello\n",
        ".gimlet/staging.yaml": _MANIFEST.format(environment="staging", policy=staging, tag="{{ .SHA }}", replicas=2),
        ".gimlet/production.yaml": _MANIFEST.format(
            environment="production", policy=production, tag="{{ .TAG }}", replicas=3
        ),
    }
