"""Who may talk to the API server: the token list, the key of ServiceAccount tokens, and kubeconfigs.

Made once for a state directory and kept, so that a token outlives a restart.
"""

import json
import secrets
import subprocess
from base64 import b64encode
from pathlib import Path

from infra.testbed.components import Layout
from infra.testbed.parts import binary

ADMINISTRATOR = "admin"
# User and group as in --token-auth-file. Flux and kwok are cluster-admin, as their own manifests make them.
USERS = {
    ADMINISTRATOR: "system:masters",
    "system:kube-controller-manager": "",
    "system:kube-scheduler": "",
    "kwok": "system:masters",
    "flux": "system:masters",
}
KEY_TIMEOUT_SECONDS = 60


def make_credentials(layout: Layout) -> None:
    """Make the signing key and the token list where they are not there yet."""
    layout.root.chmod(0o700)
    if not layout.signing_key.exists():
        command = [str(binary("testcluster")), "signing-key", str(layout.signing_key)]
        subprocess.run(command, check=True, timeout=KEY_TIMEOUT_SECONDS)
    if not layout.tokens.exists():
        rows = [f'{secrets.token_hex(16)},{user},{user},"{group}"\n' for user, group in USERS.items()]
        layout.tokens.write_text("".join(rows))


def token_of(layout: Layout, user: str) -> str:
    """The bearer token of one of `USERS`."""
    rows = (line.split(",") for line in layout.tokens.read_text().splitlines())
    return next(token for token, name, *_ in rows if name == user)


def write_kubeconfig(path: Path, url: str, ca: Path, token: str) -> Path:
    """Write to `path` a kubeconfig that needs no other file, and return `path`. It is JSON, which is YAML."""
    cluster = {"server": url, "certificate-authority-data": b64encode(ca.read_bytes()).decode()}
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "testbed", "cluster": cluster}],
        "users": [{"name": "testbed", "user": {"token": token}}],
        "contexts": [{"name": "testbed", "context": {"cluster": "testbed", "user": "testbed"}}],
        "current-context": "testbed",
    }
    path.touch(mode=0o600)
    path.write_text(json.dumps(document, indent=2) + "\n")
    return path
