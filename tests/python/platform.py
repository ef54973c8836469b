"""Plays the platform against the example `receive`, with nothing but HTTP.

    DSYNC_AUTH_TOKEN=secret platform.py PATH/TO/receive

It starts the program itself, serves the realtime address that the program reports to, and kills and
restarts it in between. One line a step; at the first that fails it says what was expected, and exits with 1.
"""

import http.server
import itertools
import json
import os
import queue
import re
import signal
import subprocess
import sys
import tempfile
import threading

import requests

KEY = os.environ.get("DSYNC_AUTH_TOKEN", "the-api-key")
FIELD_KEYS = [
    "id", "treekey", "value", "type", "multiple", "date_format", "required",
    "functions", "primary_key", "foreign_key", "bool_settings", "name", "description",
]  # fmt: skip
PATIENCE = 30


class Failed(Exception):
    pass


def expect(what, got, wanted):
    if got != wanted:
        raise Failed(f"{what}:\n  expected {wanted!r}\n  got      {got!r}")


class Realtime:
    """The platform's realtime address: keeps what comes, and accepts it."""

    def __init__(self):
        self.came = queue.Queue()
        came, numbers = self.came, itertools.count(1)

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                process = f"own-{next(numbers)}"
                came.put((self.path, dict(self.headers.items()), json.loads(body), process))
                data = {"process_id": process} if self.path == "/api/realtime" else {}
                answer = {"status": 200, "message": "OK", "detail": {}, "data": data}
                answer = json.dumps(answer).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}/api/realtime"

    def next(self, what):
        try:
            return self.came.get(timeout=PATIENCE)
        except queue.Empty:
            raise Failed(f"{what}: nothing came within {PATIENCE} s") from None

    def last_report(self, process):
        """The first report on a process that is not 202; those before it must be."""
        tries = 0
        while True:
            path, headers, body, _ = self.next(f"a report on {process}")
            expect("a report's path", path, "/api/realtime/notification")
            headers = {name.lower(): value for name, value in headers.items()}
            expect("a report's Process-Id", headers.get("process-id"), process)
            expect("a report's Auth-Token", headers.get("auth-token"), KEY)
            expect("a report's keys", list(body), ["status", "message", "data"])
            if body["status"] != 202:
                return tries, body
            tries += 1


class Program:
    """The example as a process."""

    def __init__(self, binary, *arguments):
        self.command = [binary, "--listen", "127.0.0.1:0", *arguments]
        self.process = None

    def start(self):
        environment = {**os.environ, "DSYNC_AUTH_TOKEN": KEY, "RUST_LOG": os.environ.get("RUST_LOG", "warn")}
        self.process = subprocess.Popen(
            self.command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True
        )
        line = self.line()
        found = re.fullmatch(r"listening at (http://127\.0\.0\.1:\d+(?:/dsync)?)", line)
        if not found:
            raise Failed(f"the program did not say where it listens, but {line!r}")
        self.base = found.group(1)

    def line(self):
        lines = queue.Queue()
        threading.Thread(target=lambda: lines.put(self.process.stdout.readline()), daemon=True).start()
        try:
            return lines.get(timeout=PATIENCE).rstrip("\n")
        except queue.Empty:
            raise Failed(f"the program printed no line within {PATIENCE} s") from None

    def kill(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def interrupt(self):
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(timeout=PATIENCE)


class Platform:
    """Requests as PROTOCOL section 5 has them. Every answer is checked to be the envelope."""

    def __init__(self, program):
        self.program = program
        self.session = requests.Session()
        self.session.trust_env = False

    def ask(self, method, path, status, body=None, key=KEY, raw=None, **headers):
        headers = {name.replace("_", "-"): str(value) for name, value in headers.items()}
        headers = {name: value.encode() for name, value in headers.items()}
        if key is not None:
            headers["Auth-Token"] = key
        data = raw if raw is not None else None if body is None else json.dumps(body).encode()
        if data is not None:
            headers["Content-Type"] = "application/json"
        answer = self.session.request(
            method, self.program.base + path, data=data, headers=headers, timeout=PATIENCE
        )
        what = f"{method} {path}"
        try:
            envelope = answer.json()
        except ValueError:
            raise Failed(f"{what}: no JSON, but {answer.text!r}") from None
        if answer.status_code != status:
            raise Failed(f"{what}: expected {status}, got {answer.status_code}: {answer.text}")
        expect(f"{what}: the envelope's keys", list(envelope), ["status", "message", "detail", "data"])
        expect(f"{what}: the envelope's status", envelope["status"], status)
        expect(f"{what}: Content-Type", answer.headers.get("Content-Type"), "application/json")
        answer.envelope = envelope
        answer.data_ = envelope["data"]
        return answer


def step(text):
    print(f"ok  {text}", flush=True)


def fields_of(fields):
    for field in fields:
        yield field
        yield from fields_of(field.get("fields", []))


def look_at_layout(platform):
    answers = [platform.ask("GET", path, 200) for path in ("/datalayout", "//datalayout")]
    expect("the layout behind a doubled slash", answers[1].content, answers[0].content)
    layout = answers[0].data_["data_layout"]
    expect("the entities", [entity["entity_name"] for entity in layout], ["product", "order"])
    for entity in layout:
        expect(
            "an endpoint's keys",
            list(entity),
            ["entity_name", "treekey", "endpoint_url", "entity_token", "fields"],
        )
        for field in fields_of(entity["fields"]):
            wanted = FIELD_KEYS + (["fields"] if field["type"] == "object" else [])
            expect(f"the keys of {field['treekey']}", list(field), wanted)
    fields = {field["treekey"]: field for entity in layout for field in fields_of(entity["fields"])}
    expect("the foreign key of a line", fields["order.lines.sku"]["foreign_key"], "product.sku")
    expect("the type of an address", fields["order.customer"]["type"], "email")
    expect("the primary keys", [k for k, f in fields.items() if f["primary_key"]], ["product.sku", "order.id"])
    step(f"layout: {len(layout)} entities, {len(fields)} fields of thirteen keys, also behind a doubled slash")
    return {entity["entity_name"]: entity["entity_token"] for entity in layout}


PRODUCT = {
    "sku": "S-1",
    "name": "Größe \"M\" \\ 🙂 \u0000 and\nlines",
    "price": 31.245270191439438,
    "active": True,
    "tags": ["a", "", "ß"],
    "inventory": {"qty": 4294967295, "min_qty": None},
}
ORDER = {
    "reference": "R-1",
    "customer": "ann@example.org",
    "paid": False,
    "note": None,
    "lines": [{"sku": "S-1", "qty": 2, "price": 0.1}],
}


def look_at_keys(platform):
    for key in (None, "", "wrong", KEY + "x", KEY[:-1]):
        for method, path in [
            ("GET", "/datalayout"),
            ("POST", "/entity/product"),
            ("POST", "/entity/product/set_job"),
            ("GET", "/sync/total"),
            ("POST", "/notification"),
        ]:
            platform.ask(method, path, 401, {}, key=key, Process_Id="p-0")
    step("401 without a key and with a wrong one, at every address")


def switch_on(platform):
    create = dict(Process_Id="p-off")
    refused = platform.ask("POST", "/entity/product", 406, PRODUCT, **create)
    if refused.data_:
        raise Failed(f"a refusal has data: {refused.data_!r}")
    platform.ask("PUT", "/entity/product", 406, {}, Process_Id="p-off-2", Entity_Id="S-1")
    platform.ask("DELETE", "/entity/product", 406, Process_Id="p-off-3", Entity_Id="S-1")
    for entity in ("product", "order"):
        platform.ask("POST", f"/entity/{entity}/set_job", 200, {"job_id": "7"})
    step("406 before set_job, for create, update and delete; then both entities are switched on")


def write(platform):
    created = platform.ask("POST", "/entity/product", 201, PRODUCT, Process_Id="p-1")
    expect("the created product's id", created.data_, {"sku": "S-1"})
    again = platform.ask("POST", "/entity/product", 201, PRODUCT, Process_Id="p-1")
    expect("the answer to the same process", again.content, created.content)
    other = {**PRODUCT, "sku": "S-2"}
    platform.ask("POST", "/entity/product", 400, other, Process_Id="p-1")
    platform.ask("POST", "/entity/product", 400, PRODUCT, Process_Id="p-1b")
    step("create: 201 and the id; the same process gets the same bytes, with another body 400; a taken id 400")

    created = platform.ask("POST", "/entity/order", 201, {**ORDER, "id": 99}, Process_Id="p-2")
    expect("the created order's id, which the system gives", created.data_, {"id": 1})
    order = platform.ask("GET", "/entity/order", 200, {}, Process_Id="p-3", Entity_Id=1).data_
    expect("the order", order, {"id": 1, **ORDER})
    step("create an order: its number is the shop's, whatever was sent")


def read(platform):
    headers = dict(Process_Id="p-4", Entity_Id="S-1")
    answers = [platform.ask("GET", "/entity/product", 200, body, **headers) for body in ({}, None)]
    expect("the answer to a read without a body", answers[1].content, answers[0].content)
    product = answers[0].data_
    created_at = product.pop("created_at")
    if not re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", created_at or ""):
        raise Failed(f"created_at is no time: {created_at!r}")
    expect("the product", product, PRODUCT)
    step("read: every digit, NUL, emoji, null and empty text are as they were sent; created_at is the shop's")
    return created_at


def update(platform, created_at):
    change = dict(Process_Id="p-5", Entity_Id="S-1")
    body = {"price": "9.50", "created_at": "1999-01-01 00:00:00"}
    updated = platform.ask("PUT", "/entity/product", 200, body, **change)
    expect("the updated product's id", updated.data_, {"sku": "S-1"})
    wanted = {**PRODUCT, "price": 9.5, "created_at": created_at}
    product = platform.ask("GET", "/entity/product", 200, {}, Process_Id="p-6", Entity_Id="S-1").data_
    expect("the product after one field was sent", product, wanted)
    step("a partial update changes that field, reads a number that came as text, and drops a read-only one")

    platform.ask("PUT", "/entity/product", 200, {"price": None, "colour": 1}, Process_Id="p-7", Entity_Id="S-1")
    product = platform.ask("GET", "/entity/product", 200, {}, Process_Id="p-8", Entity_Id="S-1").data_
    expect("the product after a null", product, {**wanted, "price": None})
    step("null clears")

    for number, body in enumerate([{"name": None}, {"price": -1}, {"price": "abc"}, {"sku": "S-9"}, [], "x"]):
        process = f"p-9-{number}"
        platform.ask("PUT", "/entity/product", 400, body, Process_Id=process, Entity_Id="S-1")
    raw = b'{"name":"a","name":"b"}'
    platform.ask("PUT", "/entity/product", 400, raw=raw, Process_Id="p-9-raw", Entity_Id="S-1")
    platform.ask("PUT", "/entity/product", 400, {"name": "n"}, Process_Id="p-9-none", Entity_Id="S-404")
    platform.ask("PUT", "/entity/product", 400, {"name": "n"}, Process_Id="p-9-no-id")
    platform.ask("PUT", "/entity/product", 400, {"name": "n"}, Entity_Id="S-1")
    again = platform.ask("GET", "/entity/product", 200, {}, Process_Id="p-8", Entity_Id="S-1").data_
    expect("the product after refused updates", again, product)
    step("400, and nothing is changed: null for a required field, a wrong value, no object, no such record, no id, no process")


def shared_key(platform):
    for field in ("lines", "nonsense", "reference' or 1=1 --", 7):
        platform.ask("POST", "/entity/order/set_sharedkey", 400, {"shared_key": field})
    platform.ask("POST", "/entity/order/set_sharedkey", 200, {"shared_key": "reference"})
    by_reference = dict(Entity_Id="R-1", Entity_Id_Field="reference")
    order = platform.ask("GET", "/entity/order", 200, {}, Process_Id="p-10", **by_reference).data_
    expect("the order by its shared key", order, {"id": 1, **ORDER})
    order = platform.ask("GET", "/entity/order", 200, {}, Process_Id="p-10", Entity_Id="R-1").data_
    expect("the order by its shared key, unnamed", order["id"], 1)
    body = {**ORDER, "reference": "R-2"}
    created = platform.ask("POST", "/entity/order", 201, body, Process_Id="p-11")
    expect("the answer to a create under a shared key", created.data_, {"reference": "R-2"})
    platform.ask("PUT", "/entity/order", 200, {"paid": "true"}, Process_Id="p-12", Entity_Id="R-2")
    platform.ask("GET", "/entity/order", 400, {}, Process_Id="p-13", Entity_Id="R-404")
    platform.ask("POST", "/entity/order/set_sharedkey", 200, {})
    order = platform.ask("GET", "/entity/order", 200, {}, Process_Id="p-14", Entity_Id=2).data_
    expect("the order that was updated by its shared key", order, {"id": 2, **body, "paid": True})
    platform.ask("GET", "/entity/order", 400, {}, Process_Id="p-15", **by_reference)
    step("shared key: read, create and update by it; then it is cleared, and names nothing any more")


def synchronise(platform, tokens):
    for number in range(2, 6):
        body = {**PRODUCT, "sku": f"S-{number}", "price": number / 3}
        platform.ask("POST", "/entity/product", 201, body, Process_Id=f"p-sync-{number}")
    wanted = {"product": ("sku", [f"S-{number}" for number in range(1, 6)]), "order": ("id", [1, 2])}
    for entity, (field, ids) in wanted.items():
        token = dict(Entity_Token=tokens[entity])
        total = platform.ask("GET", "/sync/total", 200, **token)
        expect(f"the total of {entity}", total.data_, {"total": len(ids), "per_page": 2})
        came, page = [], 1
        while True:
            answer = platform.ask("GET", f"/sync/items/{page}", 200, **token)
            expect("the id's field", answer.headers.get("Entity-Id-Field"), field)
            items = answer.data_["items"]
            if not items:
                break
            if len(items) > 2:
                raise Failed(f"page {page} of {entity} has {len(items)} records instead of 2 at most")
            came += items
            page += 1
        expect(f"the ids of all pages of {entity}", [item[field] for item in came], ids)
        one = platform.ask("GET", f"/entity/{entity}", 200, {}, Process_Id="p-16", Entity_Id=ids[0]).data_
        expect("a record of a page and the same one read", came[0], one)
    for page in ("0", "-1", "x", "99999999999999999999999"):
        platform.ask("GET", f"/sync/items/{page}", 400, Entity_Token=tokens["product"])
    platform.ask("GET", "/sync/total", 400, Entity_Token="nonsense")
    platform.ask("GET", "/sync/total", 400)
    step("synchronisation: total, all pages until an empty one, Entity-Id-Field; no such page or token is 400")


def later(platform, program, realtime):
    late = {**ORDER, "reference": "R-late", "lines": [{"sku": "S-late", "qty": 1, "price": None}]}
    promised = platform.ask("POST", "/entity/order", 202, late, Process_Id="p-late")
    if "S-late" not in promised.envelope["message"]:
        raise Failed(f"the 202 does not say why: {promised.envelope['message']!r}")
    again = platform.ask("POST", "/entity/order", 202, late, Process_Id="p-late")
    expect("the answer to the same process", again.content, promised.content)
    program.kill()
    step("an order of an unknown product is answered 202; then the program is killed")

    program.start()
    platform.session = requests.Session()
    platform.session.trust_env = False
    product = {**PRODUCT, "sku": "S-late"}
    platform.ask("POST", "/entity/product", 201, product, Process_Id="p-late-product")
    tries, report = realtime.last_report("p-late")
    expect("the last report", (report["status"], report["data"]), (201, {"id": 3}))
    order = platform.ask("GET", "/entity/order", 200, {}, Process_Id="p-17", Entity_Id=3).data_
    expect("the order that was late", order, {"id": 3, **late})
    platform.ask("GET", "/entity/order", 400, {}, Process_Id="p-17", Entity_Id=4)
    step(f"after a restart the product comes, the order is carried out once, and reported with 201 ({tries} reports of 202 before)")

    created = platform.ask("POST", "/entity/product", 201, PRODUCT, Process_Id="p-1")
    expect("the answer to a process of before the restart", created.data_, {"sku": "S-1"})
    platform.ask("POST", "/entity/order/set_sharedkey", 200, {"shared_key": "reference"})
    program.kill()
    program.start()
    platform.session = requests.Session()
    platform.session.trust_env = False
    order = platform.ask("GET", "/entity/order", 200, {}, Process_Id="p-18", Entity_Id="R-late").data_
    expect("the order by the shared key that was set before the restart", order["id"], 3)
    platform.ask("POST", "/entity/order/set_sharedkey", 200)
    step("processes, jobs and shared keys outlive a restart, too")


def notify(platform):
    body = {"status": 200, "message": "OK", "data": {"notifications": []}}
    platform.ask("POST", "/notification", 400, body, Process_Id="nobody-knows")
    platform.ask("POST", "/notification", 400, body)
    step("a notification for an unknown process is 400")


def delete(platform):
    deleted = platform.ask("DELETE", "/entity/product", 200, Process_Id="p-19", Entity_Id="S-2")
    expect("the deleted product's id", deleted.data_, {"sku": "S-2"})
    platform.ask("GET", "/entity/product", 400, {}, Process_Id="p-20", Entity_Id="S-2")
    platform.ask("DELETE", "/entity/product", 400, Process_Id="p-21", Entity_Id="S-2")
    platform.ask("DELETE", "/entity/order", 200, raw=b"[]", Process_Id="p-22", Entity_Id=2)
    again = platform.ask("DELETE", "/entity/product", 200, Process_Id="p-19", Entity_Id="S-2")
    expect("the answer to the same delete", again.content, deleted.content)
    step("delete; then a read and another delete are 400, and the same process gets the same answer")


def switch_off(platform):
    platform.ask("POST", "/entity/product/set_job", 200, {})
    platform.ask("POST", "/entity/product", 406, {**PRODUCT, "sku": "S-off"}, Process_Id="p-23")
    platform.ask("GET", "/entity/product", 200, {}, Process_Id="p-24", Entity_Id="S-1")
    platform.ask("POST", "/entity/product/set_job", 200, {"job_id": 8})
    step("without a job an entity is off: 406 for a write, while it can be read")


def send_all(binary, database, realtime):
    """The program's own changes: it sends, the platform notifies."""
    arguments = ["--database", database, "--realtime-url", realtime.url, "--base-path", "/dsync", "--send-all"]
    program = Program(binary, *arguments)
    program.start()
    try:
        platform = Platform(program)
        for _ in range(2):
            path, headers, body, process = realtime.next("a product of the shop's own")
            expect("the address of a change", path, "/api/realtime")
            told = {"status": 200, "message": "fine", "data": {"notifications": []}}
            platform.ask("POST", "/notification", 200, told, Process_Id=process)
            line = program.line()
            expect("the line of it", line, f"process {process}: create of \"{body['sku']}\" ended with 200: fine")
            platform.ask("POST", "/notification", 400, told, Process_Id=process)
        expect("the exit code after SIGINT", program.interrupt(), 0)
    finally:
        program.kill()
    step("own changes are sent, and how they ended is heard once; below a base path, too")


def main():
    if len(sys.argv) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    realtime = Realtime()
    with tempfile.TemporaryDirectory() as folder:
        database = os.path.join(folder, "shop.db")
        program = Program(
            sys.argv[1], "--database", database, "--page-size", "2", "--retry-seconds", "1",
            "--realtime-url", realtime.url,
        )  # fmt: skip
        try:
            program.start()
            platform = Platform(program)
            tokens = look_at_layout(platform)
            look_at_keys(platform)
            switch_on(platform)
            write(platform)
            created_at = read(platform)
            update(platform, created_at)
            shared_key(platform)
            synchronise(platform, tokens)
            later(platform, program, realtime)
            notify(platform)
            delete(platform)
            switch_off(platform)
            expect("the exit code after SIGINT", program.interrupt(), 0)
            step("Ctrl-C stops it with exit code 0")
            send_all(sys.argv[1], database, realtime)
        except (Failed, requests.RequestException, subprocess.TimeoutExpired) as failure:
            print(f"FAILED  {failure}", file=sys.stderr)
            return 1
        finally:
            program.kill()
    return 0


if __name__ == "__main__":
    sys.exit(main())
