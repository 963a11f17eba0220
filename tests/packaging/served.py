# SPDX-License-Identifier: Apache-2.0
"""An engine of a test: on loopback, a port that was free, a directory of its own."""
import os
import re
import subprocess
import tempfile
import urllib.request

CONFIGURING = ("KAV_", "TWILIO_", "OPENAI_", "GOOGLE_", "GCP_", "DEEPGRAM_", "ELEVENLABS_", "DATABASE_URL", "DB_BOOTSTRAP", "PORT",
               "DEPLOY_ID", "STATE_DIRECTORY", "XDG_DATA_HOME", "CREDENTIALS_DIRECTORY", "NOTIFY_SOCKET", "WATCHDOG_")


def environment(**more):
    """Ours, without what would configure an engine."""
    return {**{name: value for name, value in os.environ.items() if not name.startswith(CONFIGURING)}, **more}


class Served:
    def __init__(self, program, **variables):
        self.program = program
        self.variables = variables

    def __enter__(self):
        self.directory = tempfile.TemporaryDirectory()
        self.process = subprocess.Popen(
            [self.program, "--address", "127.0.0.1", "--port", "0", "--data-dir", self.directory.name], stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, text=True, env=environment(**self.variables))
        line = self.process.stdout.readline()
        match = re.fullmatch(r"LISTENING (127\.0\.0\.1:\d+)\n", line)
        if not match:
            self.__exit__()
            raise RuntimeError(f"not LISTENING but: {line!r}")
        self.url = "http://" + match[1]
        return self

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()
        self.directory.cleanup()

    def metrics(self):
        with urllib.request.urlopen(self.url + "/metrics", timeout=20) as answer:
            return answer.read().decode()

    def metric_names(self):
        """Those that a first scrape has; what is counted by who did it comes with the first that did."""
        return set(re.findall(r"^(kav_\w+)[{ ]", self.metrics(), re.M))
