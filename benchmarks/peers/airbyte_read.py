"""Airbyte's CDK through PyAirbyte: a declarative source over the request ids, read into DuckDB.

Nested lists stay JSON in the table `candidates`: each list would be a stream of its own, with calls of its own. Runs in
the environment that `peers` makes, not in the project's: `airbyte_read.py CONFIG`.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import airbyte as ab
from airbyte.caches import DuckDBCache


def manifest(base_url: str, ids: list[str]) -> dict:
    text, number = {"type": ["null", "string"]}, {"type": ["null", "number"]}
    lists = {"type": ["null", "array"]}
    names = ("requestId", "profileId", "name", "linkedinUrl", "rationale", "headline", "location", "currentCompany")
    listed = ("skills", "aiFitPoints", "aiRedFlags", "aiDetailedRationale", "detailedExperience", "emails")
    columns = dict.fromkeys((*names, "currentRole"), text) | {"matchScore": number} | dict.fromkeys(listed, lists)
    stream = {
        "type": "DeclarativeStream",
        "name": "candidates",
        "primary_key": ["requestId", "profileId"],
        "retriever": {
            "type": "SimpleRetriever",
            "requester": {
                "type": "HttpRequester",
                "url_base": base_url,
                "path": "/sourcing/{{ stream_partition.request_id }}/results",
                "http_method": "GET",
            },
            "record_selector": {
                "type": "RecordSelector",
                "extractor": {"type": "DpathExtractor", "field_path": ["candidates"]},
            },
            "partition_router": {"type": "ListPartitionRouter", "values": ids, "cursor_field": "request_id"},
        },
        "transformations": [
            {
                "type": "AddFields",
                "fields": [
                    {
                        "type": "AddedFieldDefinition",
                        "path": ["requestId"],
                        "value": "{{ stream_partition.request_id }}",
                    }
                ],
            }
        ],
        "schema_loader": {
            "type": "InlineSchemaLoader",
            "schema": {"type": "object", "additionalProperties": True, "properties": columns},
        },
    }
    return {
        "version": "6.0.0",
        "type": "DeclarativeSource",
        "check": {"type": "CheckStream", "stream_names": ["candidates"]},
        "streams": [stream],
        "spec": {
            "type": "Spec",
            "connection_specification": {"type": "object", "properties": {}, "additionalProperties": True},
        },
    }


def main() -> None:
    config = json.loads(Path(sys.argv[1]).read_text())
    ids = Path(config["ids"]).read_text().split()
    source = ab.get_source("source-instaview", source_manifest=manifest(config["base_url"], ids), config={})
    source.select_all_streams()
    source.read(cache=DuckDBCache(db_path=config["warehouse"], schema_name="results"))


if __name__ == "__main__":
    main()
