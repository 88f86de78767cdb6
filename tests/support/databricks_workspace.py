"""A stand-in of a Databricks workspace: its REST API on 127.0.0.1, and jobs that really run, as processes.

It answers what the SDK and the Pipes client ask, in the documented shapes: Jobs API 2.2 (runs/submit, run-now, runs/get
with get-output and cancel), Files API (files, directories) and Secrets API. A task installs the wheels that were
uploaded (unpacked, in front of the path) and runs the entry point that their metadata names. A volume is a folder below
`root`, whose path both sides use.
"""

from __future__ import annotations

import base64
import json
import os
import signal
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

TOKEN = "dapi-of-a-person"
JOB_TOKEN = "dapi-of-a-job"

ENTRY_POINT = """
import sys
from importlib.metadata import distribution
package, name, *sys.argv[1:] = sys.argv[1:]
(found,) = [each for each in distribution(package).entry_points if each.name == name]
sys.argv[0] = name
found.load()()
"""


@dataclass(frozen=True)
class Refusal:
    """What a request is answered with instead."""

    status: int
    code: str
    message: str
    times: int | None = None
    """How many requests are answered so; None for all."""
    afterwards: bool = False
    """Whether what was asked for is done all the same, and only its answer is lost."""


@dataclass(frozen=True)
class Ending:
    """How a run ends before its process is started."""

    life_cycle_state: str
    result_state: str | None
    code: str | None
    kind: str | None
    message: str


@dataclass
class Run:
    """A run of a job."""

    run_id: int
    request: Mapping[str, Any]
    life_cycle_state: str = "PENDING"
    result_state: str | None = None
    code: str | None = None
    kind: str | None = None
    message: str = ""
    output: str = ""
    process: subprocess.Popen[str] | None = None
    cancelled: bool = False
    done: threading.Event = field(default_factory=threading.Event)

    @property
    def task(self) -> Mapping[str, Any]:
        return self.request["tasks"][0]

    def end(
        self, life_cycle_state: str, result_state: str | None, code: str | None, kind: str | None, message: str
    ) -> None:
        self.life_cycle_state, self.result_state = life_cycle_state, result_state
        self.code, self.kind, self.message = code, kind, message
        self.done.set()


class Workspace:
    """The workspace: what it holds, and what it is told to do to whom asks."""

    Refusal = Refusal
    Ending = Ending

    def __init__(self, root: Path, url: str) -> None:
        self.url = url
        self.root = root
        self.volume = root / "Volumes" / "main" / "streaming" / "files"
        self.volume.mkdir(parents=True)
        self.secrets: dict[str, dict[str, str]] = {}
        self.jobs: dict[int, Mapping[str, Any]] = {}
        self.runs: dict[int, Run] = {}
        self.requests: list[tuple[str, str]] = []
        self.uploaded: list[str] = []
        self.refusals: dict[str, Refusal] = {}
        self.ending: Ending | None = None
        self.startup_seconds = 0.0
        self.cluster: dict[str, str] = {}
        self._tokens: dict[str, int] = {}

    def answer(self, method: str, path: str, query: Mapping[str, str], body: bytes, token: str) -> Any:
        """Answer a request; a `Refusal` where it is refused."""
        self.requests.append((method, path))
        if token not in {TOKEN, JOB_TOKEN}:
            return Refusal(403, "PERMISSION_DENIED", f"Invalid access token {token[:4]}***")
        refusal = self._refused(f"{method} {path}")
        if refusal is None or refusal.afterwards:
            answer = self._done(method, path, query, body)
        return refusal or answer

    def _refused(self, asked: str) -> Refusal | None:
        for part, refusal in self.refusals.items():
            if part in asked and refusal.times != 0:
                if refusal.times:
                    self.refusals[part] = replace(refusal, times=refusal.times - 1)
                return refusal
        return None

    def _done(self, method: str, path: str, query: Mapping[str, str], body: bytes) -> Any:
        files, folders = "/api/2.0/fs/files", "/api/2.0/fs/directories"
        if path.startswith(files):
            return self._file(method, Path(path.removeprefix(files)), body)
        if path.startswith(folders):
            return self._folder(method, Path(path.removeprefix(folders)))
        told = json.loads(body or b"{}")
        answers = {
            "/api/2.2/jobs/runs/submit": lambda: self._launch(told, told.get("idempotency_token")),
            "/api/2.2/jobs/run-now": lambda: self._run_now(told),
            "/api/2.2/jobs/runs/get": lambda: self._told(self.runs[int(query["run_id"])]),
            "/api/2.2/jobs/runs/get-output": lambda: self._output(int(query["run_id"])),
            "/api/2.2/jobs/runs/cancel": lambda: self._cancel(self.runs[int(told["run_id"])]),
            "/api/2.0/secrets/list": lambda: self._secret_names(query["scope"]),
            "/api/2.0/secrets/get": lambda: self._secret(query["scope"], query["key"]),
        }
        return answers[path]() if path in answers else Refusal(404, "ENDPOINT_NOT_FOUND", f"No API found for {path}")

    # Files

    def _file(self, method: str, path: Path, body: bytes) -> Any:
        if not self.volume.is_dir() or not path.is_relative_to(self.volume):
            return Refusal(404, "NOT_FOUND", "Volume 'main.streaming.other' does not exist.")
        if method == "PUT":
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(body)
            self.uploaded.append(path.name)
            return b""
        if not path.is_file():
            return Refusal(404, "NOT_FOUND", f"The file {path} is not there.")
        if method == "DELETE":
            path.unlink()
            return b""
        return path.read_bytes()

    def _folder(self, method: str, path: Path) -> Any:
        if not self.volume.is_dir() or not path.is_relative_to(self.volume):
            return Refusal(404, "NOT_FOUND", "Volume 'main.streaming.other' does not exist.")
        if method == "PUT":
            path.mkdir(parents=True, exist_ok=True)
            return b""
        if not path.is_dir():
            return Refusal(404, "NOT_FOUND", f"The directory {path} is not there.")
        if method == "DELETE":
            path.rmdir()
            return b""
        entries = [{"path": str(each), "name": each.name, "is_directory": each.is_dir()} for each in path.iterdir()]
        return {"contents": entries}

    # Secrets

    def _secret_names(self, scope: str) -> Any:
        if scope not in self.secrets:
            return Refusal(404, "RESOURCE_DOES_NOT_EXIST", f"Scope {scope} does not exist!")
        return {"secrets": [{"key": key, "last_updated_timestamp": 0} for key in self.secrets[scope]]}

    def _secret(self, scope: str, key: str) -> Any:
        return {"key": key, "value": base64.b64encode(self.secrets[scope][key].encode()).decode()}

    # Jobs

    def _run_now(self, told: Mapping[str, Any]) -> Any:
        job = self.jobs.get(int(told["job_id"]))
        if job is None:
            return Refusal(400, "INVALID_PARAMETER_VALUE", f"Job {told['job_id']} does not exist.")
        defaults = {each["name"]: each["default"] for each in job["parameters"]}
        unknown = told["job_parameters"].keys() - defaults.keys()
        if unknown:
            return Refusal(400, "INVALID_PARAMETER_VALUE", f"The job has no parameters {sorted(unknown)}.")
        values = {**defaults, **told["job_parameters"]}
        text = json.dumps(job["tasks"])
        for name, value in values.items():
            text = text.replace(f"{{{{job.parameters.{name}}}}}", json.dumps(value)[1:-1])
        return self._launch({**job, "tasks": json.loads(text)}, told.get("idempotency_token"))

    def _launch(self, request: Mapping[str, Any], token: str | None) -> dict[str, int]:
        if token in self._tokens:
            return {"run_id": self._tokens[token]}
        run = Run(len(self.runs) + 1001, request)
        self.runs[run.run_id] = run
        if token:
            self._tokens[token] = run.run_id
        threading.Thread(target=self._work, args=(run,), daemon=True).start()
        return {"run_id": run.run_id}

    def _work(self, run: Run) -> None:
        until = time.monotonic() + self.startup_seconds
        while time.monotonic() < until and not run.cancelled:
            time.sleep(0.05)
        if run.cancelled:
            run.end("TERMINATED", "CANCELED", "USER_CANCELED", "SUCCESS", "Run cancelled.")
        elif self.ending is not None:
            ending = self.ending
            run.end(ending.life_cycle_state, ending.result_state, ending.code, ending.kind, ending.message)
        else:
            self._run(run)

    def _run(self, run: Run) -> None:
        task = run.task["python_wheel_task"]
        command = [sys.executable, "-c", ENTRY_POINT, task["package_name"], task["entry_point"], *task["parameters"]]
        log = self.root / f"run-{run.run_id}.log"
        with log.open("w") as out:
            run.process = subprocess.Popen(
                command, env=self._environment(run), cwd=self.root, stdout=out, stderr=out, start_new_session=True
            )
        run.life_cycle_state = "RUNNING"
        with suppress(subprocess.TimeoutExpired):
            run.process.wait(timeout=run.request.get("timeout_seconds") or None)
        in_time = run.process.poll() is not None
        self._kill(run)
        run.output = log.read_text(errors="replace").strip()
        if run.cancelled:
            run.end("TERMINATED", "CANCELED", "USER_CANCELED", "SUCCESS", "Run cancelled.")
        elif not in_time:
            run.end("TERMINATED", "TIMEDOUT", "RUN_EXECUTION_ERROR", "CLIENT_ERROR", "Timed out.")
        elif run.process.returncode == 0:
            run.end("TERMINATED", "SUCCESS", "SUCCESS", "SUCCESS", "")
        else:
            task = run.task["task_key"]
            message = f"Task {task} failed with message: Workload failed, see run output for details."
            run.end("INTERNAL_ERROR", "FAILED", "RUN_EXECUTION_ERROR", "CLIENT_ERROR", message)

    def _environment(self, run: Run) -> dict[str, str]:
        specs = [each["spec"] for each in run.request.get("environments", ())]
        wheels = [each for spec in specs for each in spec["dependencies"]]
        wheels += [each["whl"] for each in run.task.get("libraries", ())]
        target = self.root / f"site-{run.run_id}"
        for wheel in wheels:
            zipfile.ZipFile(wheel).extractall(target)
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("STREAMING_", "DATABRICKS_"))}
        return {
            **kept,
            **self.cluster,
            "PYTHONPATH": str(target),
            "DATABRICKS_HOST": self.url,
            "DATABRICKS_TOKEN": JOB_TOKEN,
        }

    def _cancel(self, run: Run) -> dict[str, Any]:
        run.cancelled = True
        if not run.done.is_set():
            run.life_cycle_state = "TERMINATING"
            self._kill(run)
        return {}

    def _kill(self, run: Run) -> None:
        if run.process is not None:
            with suppress(ProcessLookupError):
                os.killpg(run.process.pid, signal.SIGKILL)
            run.process.wait()

    def _told(self, run: Run) -> dict[str, Any]:
        state = {
            "life_cycle_state": run.life_cycle_state,
            "state_message": run.message,
            "user_cancelled_or_timedout": run.cancelled or run.result_state == "TIMEDOUT",
            **({"result_state": run.result_state} if run.result_state else {}),
        }
        ended = {"termination_details": {"code": run.code, "type": run.kind, "message": run.message}}
        status = {"state": "TERMINATED" if run.done.is_set() else "RUNNING", **(ended if run.code else {})}
        return {
            "run_id": run.run_id,
            "run_name": run.request.get("run_name", ""),
            "run_page_url": f"{self.url}/jobs/runs/{run.run_id}",
            "state": state,
            "status": status,
            "tasks": [{"run_id": run.run_id + 5000, "task_key": run.task["task_key"], "state": state}],
        }

    def _output(self, task_run: int) -> Any:
        run = self.runs[task_run - 5000]
        if run.process is None:
            return Refusal(400, "INVALID_PARAMETER_VALUE", "The task was not executed.")
        lines = run.output.splitlines()
        return {"metadata": self._told(run), "error": lines[-1] if lines else "", "error_trace": run.output}

    def close(self) -> None:
        """End what is left."""
        for run in self.runs.values():
            self._kill(run)


@contextmanager
def databricks_workspace(root: Path) -> Iterator[Workspace]:
    """Serve a workspace whose volumes lie below `root`."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.workspace = Workspace(root, f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield server.workspace
    finally:
        server.workspace.close()
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def _serve(self) -> None:
        url = urlsplit(self.path)
        body = self._body()
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        token = self.headers.get("Authorization", "").removeprefix("Bearer ")
        answer = self.server.workspace.answer(self.command, unquote(url.path), query, body, token)
        status, kind = 200, "application/json"
        if isinstance(answer, Refusal):
            status, answer = answer.status, {"error_code": answer.code, "message": answer.message}
        if isinstance(answer, bytes):
            kind, content = "application/octet-stream", answer
        else:
            content = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = _serve  # noqa: N815 - names of http.server

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        body = b""
        while size := int(self.rfile.readline().strip() or b"0", 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def log_message(self, *_: object) -> None:
        """Stay silent."""
