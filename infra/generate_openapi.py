"""Writes `docs/openapi.json` from the declared routes, or with `--check` says whether it is up to date."""

import json
import sys
from pathlib import Path

import app
from chalicelib.routes.openapi import openapi_document

TARGET = Path(__file__).resolve().parent.parent / "docs" / "openapi.json"


def main() -> int:
    """Write or check; 1 when the file is stale."""
    assert app.app is not None  # importing the app declares the routes
    text = json.dumps(openapi_document(), indent=2, ensure_ascii=False) + "\n"
    if "--check" in sys.argv[1:]:
        fresh = TARGET.exists() and TARGET.read_text() == text
        print(f"{TARGET.name} is {'up to date' if fresh else 'stale: run make gen'}")
        return 0 if fresh else 1
    TARGET.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
