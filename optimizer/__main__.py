"""Let `python -m optimizer` be the `ratchet` command."""

import sys

try:
    from optimizer.cli.main import main
except KeyboardInterrupt:  # the command line takes a moment to load
    sys.stderr.write("interrupted before anything was done\n")
    sys.exit(130)

main()
