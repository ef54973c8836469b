"""The Python SDK as its users use it, against a realtime address.

Prints one JSON line: what each call came to, and the server's answers, which the SDK drops.
"""

import json
import sys

import dsync
import dsync.http

url, auth_token, entity_token = sys.argv[1:]
answers = []
original = dsync.http.Client._post_request


def keep(self, response):
    answers.append({"status": response.status_code, "body": json.loads(response.text)})
    return original(self, response)


dsync.http.Client._post_request = keep

product = {"sku": "Größe-7 🙂", "price": 0.1, "tags": ["a", "b"]}
request = dsync.RealtimeRequest(auth_token, entity_token, realtime_endpoint=url)
outcomes = []
for call in (
    lambda: request.create(product),
    lambda: request.update(product),
    lambda: request.create({"sku": "S-1", "price": 18446744073709551615, "tags": []}),
    lambda: request.delete("S-1"),
):
    try:
        call()
        outcomes.append("ok")
    except dsync.RealtimeRequestException:
        outcomes.append("refused")

print(json.dumps({"outcomes": outcomes, "answers": answers}))
