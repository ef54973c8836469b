"""Requests a second that the Python SDK makes, one after another, run by run."""

import sys
import time

import dsync

url, auth_token, entity_token, runs, requests = sys.argv[1:]
request = dsync.RealtimeRequest(auth_token, entity_token, realtime_endpoint=url)
reading = {"sensor": "cellar", "celsius": 7.5, "tags": ["a", "b"]}
for _ in range(int(runs)):
    start = time.perf_counter()
    for _ in range(int(requests)):
        request.create(reading)
    print(int(requests) / (time.perf_counter() - start))
