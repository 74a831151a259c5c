"""`python -m tpc`, the command line."""

import sys

from tpc.command_line.cli import main

sys.exit(main())
