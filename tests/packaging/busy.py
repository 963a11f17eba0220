# SPDX-License-Identifier: Apache-2.0
"""An engine that has been busy in many ways, so that what is counted by who did it is there."""
import contextlib
import http.client
import http.server
import signal
import subprocess
import sys
import threading
import time
import urllib.parse

from served import Served, environment


class BrokenModel(http.server.BaseHTTPRequestHandler):
    """A language model that looks well until it is asked something."""

    def do_GET(self):
        self.answer(200, b'{"object": "list", "data": []}')

    def do_POST(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.answer(500, b'{"error": {"message": "broken"}}')

    def answer(self, code, body):
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@contextlib.contextmanager
def broken_model():
    """Its address."""
    model = http.server.ThreadingHTTPServer(("127.0.0.1", 0), BrokenModel)
    threading.Thread(target=model.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{model.server_address[1]}/v1"
    finally:
        model.shutdown()
        model.server_close()


def ask(served, path, headers=None, fields=None):
    """The status."""
    connection = http.client.HTTPConnection(served.url.removeprefix("http://"), timeout=60)
    try:
        if fields:
            headers = {**headers, "Content-Type": "application/x-www-form-urlencoded"}
        connection.request("POST" if fields else "GET", path, urllib.parse.urlencode(fields) if fields else None, headers or {})
        return connection.getresponse().status
    finally:
        connection.close()


def until(what, is_there, seconds=240):
    """Asks until the answer is one, and gives it."""
    end = time.monotonic() + seconds
    while True:
        answer = is_there()
        if answer:
            return answer
        if time.monotonic() > end:
            sys.exit(f"not within {seconds} s: {what}")
        time.sleep(0.2)


def call(served, *more):
    """A caller who says something, from the first ring to the end."""
    done = subprocess.run(
        [served.program, "call", "--to", served.url + "/webhook/incoming_call", "--say", "hello", *more], env=environment(),
        capture_output=True, text=True, timeout=300)
    if done.returncode != 0:
        sys.exit(f"the call failed: {done.stdout}{done.stderr}")


@contextlib.contextmanager
def busy(program):
    """The engine, after a call in which a provider failed, requests that were refused, and a reload."""
    with broken_model() as model, Served(program, KAV_LLM="openai,embedded", OPENAI_BASE_URL=model) as served:
        call(served)
        upgrade = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
                   "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA=="}
        stranger = {"X-Forwarded-For": "203.0.113.5"}
        for status, path, headers, fields in (
            (200, "/healthz", {}, None),
            (200, "/readyz", {}, None),
            (200, "/version", {}, None),
            (404, "/nothing", {}, None),
            (403, "/webhook/incoming_call", stranger, {"CallSid": "CA" + "0" * 32}),
            (403, "/media/nobody", {**upgrade, "Sec-WebSocket-Protocol": "audio.twilio.com"}, None),
            (403, "/console", {**upgrade, "Origin": "https://evil.example"}, None),
        ):
            if (got := ask(served, path, headers, fields)) != status:
                sys.exit(f"{path} with {headers} was answered {got}, not {status}")
        served.process.send_signal(signal.SIGHUP)
        until("a reload", lambda: 'kav_config_reloads_total{result="taken"} 1\n' in served.metrics())
        yield served
