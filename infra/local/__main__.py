"""`python -m infra.local`: what `make run` runs once everything is installed."""

import os
import sys

from infra.local.run import main

code = main()
sys.stderr.flush()
os._exit(code)  # functions may still run in threads; the state is saved, and they are as good as killed
