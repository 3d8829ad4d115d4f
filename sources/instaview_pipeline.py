"""Loads the results of InstaView requests into DuckDB.

Put the API key under [sources.instaview] in .dlt/secrets.toml, and the ids that the POSTs answered in a file:

    python instaview_pipeline.py request_ids.txt
"""

import sys

import dlt

from instaview import instaview_source, read_requests


def load_results(path: str) -> None:
    """Loads what the warehouse does not hold yet of the requests named in a file."""
    pipeline = dlt.pipeline(
        pipeline_name="instaview",
        destination="duckdb",
        dataset_name="instaview_data",
    )
    load_info = pipeline.run(instaview_source(read_requests([path])))
    print(load_info)


if __name__ == "__main__":
    load_results(sys.argv[1] if len(sys.argv) > 1 else "request_ids.txt")
