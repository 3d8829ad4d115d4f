"""The job for cron, a GitHub Action or `dlt deploy`: results of request ids into the warehouse, in committed batches.

    python pipelines/load_results.py request_ids.csv

Settings come from the environment or `.dlt/`: SOURCES__INSTAVIEW__API_KEY, DESTINATION__…__CREDENTIALS; the
destination itself from DESTINATION_NAME and DATASET_NAME. Exit codes are those of the command `instaview load`.
"""

import os
import sys

os.environ.setdefault("RUNTIME__LOG_LEVEL", "CRITICAL")  # dlt logs stack traces; our errors say it in a line

import dlt

from instaview import InstaviewError, Summary, UsageError, load, read_requests


def load_results(paths: list[str]) -> Summary:
    """Loads the requests named in files, and takes up what earlier loads left unfinished."""
    pipeline = dlt.pipeline(
        pipeline_name="load_results",
        destination=os.environ.get("DESTINATION_NAME", "duckdb"),
        dataset_name=os.environ.get("DATASET_NAME", "instaview"),
    )
    return load(pipeline, read_requests(paths))


if __name__ == "__main__":
    try:
        print(load_results(sys.argv[1:]).as_dict())
    except InstaviewError as error:
        print(error, file=sys.stderr)
        sys.exit(2 if isinstance(error, UsageError) else 1)
