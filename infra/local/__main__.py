"""`python -m infra.local`: what `make run` runs once everything is installed."""

import sys

from infra.local.run import main

sys.exit(main())
