"""`python -m tpc`, the command line."""

import sys

from tpc.cli import main

sys.exit(main())
