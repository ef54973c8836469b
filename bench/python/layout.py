"""Nanoseconds that the Python SDK takes for as many rows as the argument says, run by run."""

import json
import sys
import time

from dsync import DataLayout, Endpoint, Field

ROWS = int(sys.argv[1])
RUNS, CALLS = 25, 200


def write():
    endpoint = Endpoint(
        {
            "entity_name": "product",
            "treekey": "product",
            "endpoint_url": "/entity/product",
            "entity_token": "rust-sdk-product-1",
        }
    )
    for row in range(ROWS):
        endpoint.add_field(
            Field(
                {
                    "treekey": f"product.field_{row}",
                    "name": f"field_{row}",
                    "type": Field.TYPE_TEXT,
                    "required": True,
                    "primary_key": row == 0,
                    "description": "What it is, in one line",
                }
            )
        )
    layout = DataLayout()
    layout.add_endpoint(endpoint)
    return json.dumps(layout.generate(), separators=(",", ":"), ensure_ascii=False)


for _ in range(RUNS):
    start = time.perf_counter_ns()
    for _ in range(CALLS):
        write()
    print((time.perf_counter_ns() - start) / CALLS)
