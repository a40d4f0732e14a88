"""Run the tests named on the command line, and end with 0 only when some ran and all passed.

Solution and tests share a child process, whose word counts and not its status: a solution that ends it
early has passed nothing. A solution that writes that word itself is not held.
"""

from __future__ import annotations

import os
import sys
import unittest
from pathlib import Path


def passed(paths: list[str]) -> bool:
    """Run the tests of these files from the present folder."""
    sys.path.insert(0, str(Path.cwd()))
    names = [".".join(Path(path).with_suffix("").parts) for path in paths]
    result = unittest.TextTestRunner(stream=sys.stdout, verbosity=1).run(
        unittest.defaultTestLoader.loadTestsFromNames(names)
    )
    return result.testsRun > len(result.skipped) and result.wasSuccessful()


def main(paths: list[str]) -> int:
    """Run the tests in a child, and believe its word alone, not its status."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        os.write(writer, b"1" if passed(paths) else b"0")
        os._exit(0)
    os.close(writer)
    said = os.read(reader, 1)
    os.waitpid(child, 0)
    return 0 if said == b"1" else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
