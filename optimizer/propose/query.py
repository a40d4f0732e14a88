"""Answers one SELECT over the view `events`, inside a proposer's jail: python3 query.py "SELECT ...".

It runs by itself, with DuckDB from the folder given to the jail; the rest of this package is not there.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

SEALED = "/workspace/traces/parquet"
DUCKDB = "/opt/duckdb"


def view(segments: str) -> str:
    """Define `events` over all segments below a folder; of an attempt begun twice only the last start is shown."""
    files = f"read_parquet('{segments}/train/*/*.parquet', hive_partitioning = false)"
    return (
        f"CREATE VIEW events AS SELECT * EXCLUDE (start) FROM {files}"
        f" WHERE (attempt, start) IN (SELECT (attempt, max(start)) FROM {files} GROUP BY attempt)"
    )


def main(sql: str) -> int:
    """Print the rows as JSON, one a line."""
    import duckdb

    connection = duckdb.connect(":memory:", config={"memory_limit": "600MB", "threads": 1})
    try:
        if any(Path(SEALED).glob("train/*/*.parquet")):
            connection.execute(view(SEALED))
        cursor = connection.execute(sql)
        names = [column[0] for column in cursor.description or ()]
        while rows := cursor.fetchmany(1000):
            sys.stdout.writelines(
                json.dumps(dict(zip(names, row, strict=True)), ensure_ascii=False, default=str) + "\n" for row in rows
            )
    except duckdb.Error as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.path.insert(0, DUCKDB)
    sys.exit(main(sys.argv[1]) if len(sys.argv) == 2 else __doc__)
