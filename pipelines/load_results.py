"""The job for cron, a GitHub Action or `dlt deploy`: results of request ids into the warehouse, in committed batches.

    python pipelines/load_results.py request_ids.csv

It is `instaview load --from … --json`: the same file or warehouse, the summary as JSON on stdout, the same exit codes.
Settings come from the environment or `.dlt/`: SOURCES__INSTAVIEW__API_KEY, DESTINATION__…__CREDENTIALS; the
destination itself from DESTINATION_NAME and DATASET_NAME.
"""

import json
import os
import sys

os.environ.setdefault("RUNTIME__LOG_LEVEL", "CRITICAL")  # dlt logs stack traces; our errors say it in a line

from instaview import InstaviewError, Interrupted, Summary, UsageError, load, open_pipeline, read_requests


def load_results(paths: list[str]) -> Summary:
    """Loads the requests named in files, and takes up what earlier loads left unfinished."""
    destination, dataset = os.environ.get("DESTINATION_NAME", "duckdb"), os.environ.get("DATASET_NAME", "instaview")
    return load(open_pipeline(destination, dataset), read_requests(paths) if paths else None)


def main() -> int:
    """Prints the summary, also of a load that stops, and tells the exit code."""
    summary, code = None, 0
    try:
        summary = load_results(sys.argv[1:])
    except Interrupted as signalled:
        summary, code = signalled.summary, int(str(signalled.code))
    except InstaviewError as error:
        print(error, file=sys.stderr)
        summary, code = getattr(error, "summary", None), 2 if isinstance(error, UsageError) else 1
    if summary is not None:
        print(json.dumps(summary.as_dict()))
    return code


if __name__ == "__main__":
    sys.exit(main())
