"""start.py, run as a person runs it: a real process in a folder of its own, with a real .venv and a real pip.

Everything is offline. The packages that pip installs are wheels made here by hand; the one called streamlit
is a small web server that tells what it was started with.
"""

import ast
import contextlib
import http.server
import importlib.util
import json
import os
import pty
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
import zipfile
from pathlib import Path

import pytest

START = Path(__file__).parents[1] / "start.py"
IS_ROOT_ON_LINUX = sys.platform == "linux" and os.geteuid() == 0

STREAMLIT = """
import http.server, json, os, sys

if "crash" in open("app.py").read():
    print("the app is broken")
    sys.exit(3)

class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        told = "ok" if self.path == "/_stcore/health" else json.dumps(
            {"argv": sys.argv[1:], "cwd": os.getcwd(), "env": dict(os.environ), "pid": os.getpid()})
        self.send_response(200)
        self.end_headers()
        self.wfile.write(told.encode())

port = int(sys.argv[sys.argv.index("--server.port") + 1])
http.server.ThreadingHTTPServer(("127.0.0.1", port), Answer).serve_forever()
"""
TELL = "import json, os, sys; print(json.dumps({'argv': sys.argv[1:], 'cwd': os.getcwd()})); sys.exit(7)"


def make_wheel(folder, name, files):
    info = f"{name}-1.0.dist-info"
    files = dict(files)
    files[f"{info}/METADATA"] = f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n"
    files[f"{info}/WHEEL"] = "Wheel-Version: 1.0\nGenerator: hand\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    files[f"{info}/RECORD"] = "".join(f"{file},,\n" for file in [*files, f"{info}/RECORD"])
    with zipfile.ZipFile(folder / f"{name}-1.0-py3-none-any.whl", "w", zipfile.ZIP_DEFLATED) as wheel:
        for file, content in files.items():
            wheel.writestr(file, content)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Folder:
    """A copy of Tuneboard's folder, as far as start.py sees it."""

    def __init__(self, root, wheels):
        self.root, self.venv, self.python = root, root / ".venv", root / ".venv" / "bin" / "python"
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("PIP_", "PYTHON", "TUNEBOARD_")) and not name.lower().endswith("_proxy")
        }
        self.env = {**kept, "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(wheels), "PIP_CONFIG_FILE": os.devnull}

    def fill(self):
        shutil.copy(START, self.root)
        self.write("app.py", "")
        self.write("engine/__init__.py", "")
        self.write("engine/__main__.py", TELL)
        self.write("requirements.txt", "# pinned\nstreamlit==1.0\n")
        self.write("requirements-dev.txt", "pytest==1.0\n")
        return self

    def write(self, name, text):
        (self.root / name).parent.mkdir(exist_ok=True)
        (self.root / name).write_text(text)

    def popen(self, *arguments, env=None, **options):
        # Ctrl-C must work even if this test run itself is in the background, where it is ignored.
        return subprocess.Popen(
            [sys.executable, str(self.root / "start.py"), *arguments],
            text=True,
            env={**self.env, **(env or {})},
            stdin=subprocess.DEVNULL,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
            **options,
        )

    def run(self, *arguments, **options):
        process = self.popen(*arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)
        out, err = process.communicate(timeout=60)
        assert "Traceback" not in err
        return subprocess.CompletedProcess(arguments, process.returncode, out, err)

    @contextlib.contextmanager
    def open(self, *arguments, **options):
        """A running dashboard and what it has printed."""
        output = self.root / f"output-{time.monotonic_ns()}"
        with output.open("w") as file:
            process = self.popen(*arguments, stdout=file, stderr=subprocess.STDOUT, **options)
        try:
            while process.poll() is None and " is open at " not in output.read_text():
                time.sleep(0.05)
            yield process, output.read_text
        finally:
            process.terminate()
            process.wait(timeout=10)

    def module(self):
        spec = importlib.util.spec_from_file_location("start_under_test", self.root / "start.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module


@pytest.fixture(scope="module")
def wheels(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheels")
    make_wheel(folder, "streamlit", {"streamlit/__init__.py": "", "streamlit/__main__.py": STREAMLIT})
    make_wheel(folder, "pytest", {"pytest/__init__.py": "", "pytest/__main__.py": TELL})
    make_wheel(folder, "another", {"another.py": ""})
    make_wheel(folder, "big", {"big.bin": bytes(30_000_000)})
    return folder


@pytest.fixture(scope="module")
def first_start(tmp_path_factory, wheels):
    """The one installation from nothing: its folder, what the dashboard told, and what was printed."""
    folder = Folder(tmp_path_factory.mktemp("first") / "Tune board ü", wheels)
    folder.root.mkdir()
    folder.fill()
    port = free_port()
    with folder.open("--port", str(port), "--workspace", "here", cwd=folder.root.parent) as (_, output):
        return folder, port, ask(port), output()


@pytest.fixture
def folder(tmp_path, wheels, first_start):
    """A folder where everything is installed, to do anything with."""
    ready, *_ = first_start
    copy_lightly(ready.root, tmp_path / "tuneboard")
    return Folder(tmp_path / "tuneboard", wheels)


def copy_lightly(source, target):
    """A copy that shares pip's thousand files, which no test changes."""
    packages = next(source.glob(".venv/lib/*/site-packages"))
    shared = {"pip", "setuptools", "pkg_resources"} & {entry.name for entry in packages.iterdir()}
    shutil.copytree(
        source,
        target,
        symlinks=True,
        ignore=lambda folder, names: shared if Path(folder) == packages else set(),
    )
    for name in shared:
        (target / packages.relative_to(source) / name).symlink_to(packages / name)


@pytest.fixture
def bare(tmp_path, wheels):
    """A folder where nothing is installed."""
    return Folder(tmp_path, wheels).fill()


@contextlib.contextmanager
def tmpfs(path, size):
    path.mkdir(exist_ok=True)
    if not IS_ROOT_ON_LINUX or subprocess.call(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", path]):
        pytest.skip("needs to mount a file system")
    try:
        yield path
    finally:
        subprocess.run(["umount", "-l", path], check=True)


def ask(port):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5) as answer:
        return json.load(answer)


def is_running(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def is_one_sentence(result):
    return result.returncode == 2 and result.stderr.strip() and result.stderr.strip().count("\n") == 0


# Installing and starting


def test_the_first_start_installs_and_opens(first_start):
    folder, port, told, output = first_start
    assert re.search(
        r"first start.*\nStep 1 of 3  Making(.*\n)+Step 1 of 3 .*: done\n"
        r"Step 2 of 3  Installing packages(.*\n)+Step 3 of 3  Starting the dashboard",
        output,
    )
    assert f"Tuneboard is open at http://127.0.0.1:{port} (Ctrl-C stops the dashboard; training goes on.)" in output
    assert told["argv"] == [
        "run",
        "app.py",
        "--server.address",
        "127.0.0.1",
        "--server.port",
        str(port),
        "--server.headless",
        "true",
    ]
    assert told["cwd"] == str(folder.root)
    env = told["env"]
    assert env["TUNEBOARD_HOME"] == str(folder.root.parent / "here")
    assert env["PYTHONPATH"].split(os.pathsep)[0] == str(folder.root)
    assert (env["PYTHONUTF8"], env["STREAMLIT_BROWSER_GATHER_USAGE_STATS"]) == ("1", "false")
    assert "PYTHONDONTWRITEBYTECODE" not in env
    assert "streamlit" in (folder.venv / "install.log").read_text()


def test_a_second_start_installs_nothing(folder):
    log = (folder.venv / "install.log").stat().st_mtime_ns
    began = time.monotonic()
    with folder.open("--port", str(free_port())) as (_, output):
        assert time.monotonic() - began < 5
        assert "Tuneboard is open" in output()
        assert "Installing" not in output() and "Step" not in output()
    assert (folder.venv / "install.log").stat().st_mtime_ns == log


def test_the_queue_goes_on_without_a_browser(folder):
    """What waits since before a restart of the machine: the watcher is started, with the workspace, and outlives us."""
    folder.write("engine/runs/__init__.py", "")
    told = folder.root / "watched"
    program = f"import os, time\ntime.sleep(1)\nopen({str(told)!r}, 'w').write(os.environ['TUNEBOARD_HOME'])\n"
    folder.write("engine/workers/watcher.py", program)
    with folder.open("--port", str(free_port()), "--workspace", str(folder.root / "here")):
        pass
    end = time.monotonic() + 10
    while not told.exists() and time.monotonic() < end:
        time.sleep(0.1)
    assert told.read_text() == str(folder.root / "here")


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_ends_the_dashboard_quietly(folder, how):
    port = free_port()
    with folder.open("--port", str(port)) as (process, output):
        before, server = output(), ask(port)["pid"]
        process.send_signal(how)
        assert process.wait(timeout=10) == 0
        assert output() == before
        assert not is_running(server)
        assert not list(folder.venv.glob("server-*.json"))


def test_an_installation_cut_short_is_finished(folder):
    (folder.venv / "installed.json").unlink()
    info = next(folder.venv.glob("lib/*/site-packages/streamlit-1.0.dist-info"))
    shutil.rmtree(info)
    result = folder.run("runs")
    assert "was not finished; finishing it now" in result.stderr
    assert "Step 2 of 2  Installing packages" in result.stderr
    assert info.exists() and (folder.venv / "installed.json").exists()


def test_an_environment_whose_python_is_gone_is_made_anew(folder):
    folder.python.unlink()
    folder.python.symlink_to("/no/such/python")
    (folder.venv / "lib" / "leftover").mkdir()
    result = folder.run("runs")
    assert result.returncode == 7
    assert "broken or half made; making it anew" in result.stderr
    assert not (folder.venv / "lib" / "leftover").exists()


def test_a_python_that_would_install_elsewhere_does_not_count(folder):
    assert folder.module().venv_version() == f"{sys.version_info.major}.{sys.version_info.minor}"
    (folder.venv / "pyvenv.cfg").unlink()
    assert folder.module().venv_version() is None


def test_changed_requirements_are_installed(folder):
    folder.write("requirements.txt", "streamlit==1.0\nanother==1.0\n")
    assert "Some packages are missing or have changed" in folder.run("runs").stderr
    assert next(folder.venv.glob("lib/*/site-packages/another.py"))
    # Compiled, though nothing has imported it.
    assert next(folder.venv.glob("lib/*/site-packages/__pycache__/another.*.pyc"))
    assert folder.run("runs").stderr == ""


def test_a_failed_installation_is_explained_and_tried_again(folder):
    complete = (folder.root / "requirements.txt").read_text()
    folder.write("requirements.txt", "streamlit==2.0\n")
    result = folder.run("--no-browser")
    assert is_one_sentence(result)
    assert "exit code 1 (ERROR: No matching distribution found for streamlit==2.0)" in result.stderr
    assert result.stderr.endswith(f"the full log: {folder.venv / 'install.log'}\n")
    folder.write("requirements.txt", complete)
    assert "was not finished" in folder.run("runs").stderr


def test_on_a_terminal_one_line_updates_itself(folder):
    (folder.venv / "installed.json").unlink()
    shown = run_on_terminal(folder, "runs")
    assert re.search(r"\rStep 2 of 2  Installing packages \(\d+ s\): 1 of about 4, streamlit…\s*\r", shown)


def test_the_browser_is_opened_on_a_terminal_unless_unwanted(folder):
    port, opened = str(free_port()), folder.root / "opened"
    folder.write("browser", f'#!/bin/sh\necho "$1" > "{opened}"\n')
    (folder.root / "browser").chmod(0o755)
    screen = {"CI": "", "DISPLAY": ":0", "WAYLAND_DISPLAY": "", "BROWSER": str(folder.root / "browser")}
    with folder.open("--port", port):
        run_on_terminal(folder, "--port", port, "--no-browser", env=screen)
        for unwanted in ({"CI": "true"}, {"TUNEBOARD_NO_BROWSER": "1"}, {"DISPLAY": ""}):
            run_on_terminal(folder, "--port", port, env={**screen, **unwanted})
        folder.run("--port", port, env=screen)  # not on a terminal
        assert not opened.exists()
        run_on_terminal(folder, "--port", port, env=screen)
        assert opened.read_text() == f"http://127.0.0.1:{port}\n"


def run_on_terminal(folder, *arguments, env=None):
    """All that is shown on a terminal."""
    master, terminal = pty.openpty()
    process = folder.popen(*arguments, env=env, stdout=terminal, stderr=terminal)
    os.close(terminal)
    shown = b""
    with contextlib.suppress(OSError):  # the end of a terminal
        while part := os.read(master, 4096):
            shown += part
    os.close(master)
    process.wait(timeout=10)
    return shown.decode()


@pytest.mark.parametrize(
    "line, said",
    [
        ("Collecting torch==2.13.0 (from -r requirements.txt (line 2))", "0 of about 4, torch…"),
        (
            "  Downloading torch-2.13.0-cp311-none-macosx_11_0_arm64.whl (187 MB)",
            "1 of about 4, torch (187 MB)…",
        ),
        (
            "  Downloading https://host/whl/torch-2.13.0%2Bcpu-cp311.whl (187.3 MB)",
            "1 of about 4, torch (187.3 MB)…",
        ),
        (
            "Using cached scikit_learn-1.9.1-cp311-cp311-linux_x86_64.whl (9 kB)",
            "1 of about 4, scikit_learn (9 kB)…",
        ),
        ("Processing /opt/wheels/idna-3.20-py3-none-any.whl (from requests)", "1 of about 4, idna…"),
        ("Processing ./wheels/idna-3.20.tar.gz", "1 of about 4, idna…"),
        ("Requirement already satisfied: idna>=2.5 in ./x (from requests) (3.20)", "1 of about 4, idna…"),
        ("Progress 250 of 1000", "25%…"),
        ("Progress 0 of 0", None),
        ("  Downloading torch-2.13.0-cp311-none-any.whl.metadata (31 kB)", None),
        ("Installing collected packages: six, idna, rich", "all are here, unpacking 3…"),
        (
            "WARNING: Retrying (Retry(total=4)) after connection broken by ...",
            "the package index does not answer",
        ),
    ],
)
def test_what_pip_prints_is_understood(bare, line, said):
    shown = []
    bare.module().PipOutput(["requirements.txt"], lambda detail: shown.append(f"{detail}…")).read(line.strip())
    assert [detail for detail in shown if said and said in detail] == shown and bool(shown) == bool(said)


# Two at the same time


def test_two_at_once_make_one_installation_and_one_dashboard(folder):
    (folder.venv / "installed.json").unlink()
    port = str(free_port())
    both = [folder.popen("--port", port, stdout=subprocess.PIPE, stderr=subprocess.PIPE) for _ in range(2)]
    while all(process.poll() is None for process in both):
        time.sleep(0.05)
    second, first = sorted(both, key=lambda process: process.poll() is None)
    first.send_signal(signal.SIGINT)
    outputs = []
    for process in (first, second):
        out, err = process.communicate(timeout=20)
        assert (process.returncode, err) == (0, "")
        outputs.append(out)
    assert "Tuneboard is open at" in outputs[0] and "already" not in outputs[0]
    assert outputs[1].endswith(f"Tuneboard is already open at http://127.0.0.1:{port}\n")
    assert sum("was not finished" in out for out in outputs) == 1


def test_a_dashboard_whose_start_was_killed_is_still_ours(folder):
    port = free_port()
    with folder.open("--port", str(port)) as (process, _):
        process.kill()
        process.wait()
    server = ask(port)["pid"]
    result = folder.run("--port", str(port))
    os.kill(server, signal.SIGTERM)
    assert (result.returncode, result.stdout) == (
        0,
        f"Tuneboard is already open at http://127.0.0.1:{port}\n",
    )


def test_another_start_is_waited_for_until_it_ends_however_that_comes(folder):
    (folder.venv / "installed.json").unlink()
    holds = "import start, sys, time\nwith start.lock(start.Progress(sys.stdout)): print('held', flush=True); time.sleep(60)"
    other = subprocess.Popen([sys.executable, "-c", holds], cwd=folder.root, stdout=subprocess.PIPE, text=True)
    assert other.stdout.readline() == "held\n"
    process = folder.popen("runs", stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    said = f"Another start.py (process {other.pid}) is at work here; waiting for it.\n"
    assert process.stderr.readline() == said
    other.kill()
    assert "was not finished" in process.communicate(timeout=30)[1]
    assert process.returncode == 7
    other.communicate()


@pytest.mark.parametrize("left", ["", str(os.getpid())], ids=["nothing", "a process"])
def test_a_lock_file_that_nobody_holds_is_no_lock(folder, left):
    """Also where the process that it names is another program by now."""
    (folder.venv / "installed.json").unlink()
    (folder.venv / "start.lock").write_text(left)
    result = folder.run("runs")
    assert "Another" not in result.stderr and result.returncode == 7


# Ports


def test_a_port_that_another_program_uses(folder):
    class Foreign(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.end_headers()

        def log_message(self, *arguments):
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Foreign) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        port = server.server_port
        result = folder.run("--port", str(port))
        server.shutdown()
    assert is_one_sentence(result)
    assert re.match(rf"Port {port} is in use by another program; .*: python3 start.py --port \d+\n", result.stderr)


def test_the_dashboard_is_open_with_another_workspace(folder):
    port = str(free_port())
    with folder.open("--port", port, "--workspace", "one"):
        result = folder.run("--port", port, "--workspace", "two")
    assert is_one_sentence(result)
    assert str(Path("one").absolute()) in result.stderr


@pytest.mark.parametrize(
    "runs, asked, said",
    [
        ({}, {"TUNEBOARD_PASSWORD": "secret"}, "without a password"),
        ({"TUNEBOARD_PASSWORD": "secret"}, {"TUNEBOARD_PASSWORD": "changed"}, "with another password"),
        ({"TUNEBOARD_PASSWORD": "secret"}, {"TUNEBOARD_READ_ONLY": "1"}, "for changes as well, with a password"),
        ({"TUNEBOARD_READ_ONLY": "1"}, {"TUNEBOARD_READ_ONLY": "0"}, "for looking only"),
    ],
)
def test_the_dashboard_is_open_to_others_than_it_shall_be(folder, runs, asked, said):
    port = str(free_port())
    with folder.open("--port", port, env=runs) as (process, _):
        result = folder.run("--port", port, env=asked)
        ends = re.match(rf"On port {port}, Tuneboard is open {said}; to end that one, run: kill (\d+); ", result.stderr)
        assert is_one_sentence(result) and ends, result.stderr
        assert f"is already open at http://127.0.0.1:{port}" in folder.run("--port", port, env=runs).stdout
        assert "secret" not in "".join(path.read_text() for path in folder.venv.glob("server-*.json"))
        os.kill(int(ends[1]), signal.SIGTERM)
        process.wait(timeout=10)
    with folder.open("--port", port, env=asked) as (_, output):
        assert "is open at" in output()


def test_a_dashboard_that_ends_by_itself(folder):
    folder.write("app.py", "crash")
    result = folder.run("--port", str(free_port()))
    assert result.returncode == 1
    assert "ended by itself with exit code 3" in result.stderr
    assert "the app is broken" in result.stderr


def test_a_port_is_a_number(bare):
    assert "a port is a number from 1 to 65535, not '99999'" in bare.run("--port", "99999").stderr


# The command line and the tests


def test_other_words_go_to_the_engine(folder, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    (elsewhere / "engine").mkdir(parents=True)
    (elsewhere / "engine" / "__init__.py").write_text("raise SystemExit('the wrong engine')")
    result = folder.run("train", "--json", "a b", "--help", cwd=elsewhere)
    assert (result.returncode, result.stderr) == (7, "")
    assert json.loads(result.stdout) == {"argv": ["train", "--json", "a b", "--help"], "cwd": str(elsewhere)}


def test_setting_up_keeps_stdout_clean(folder):
    (folder.venv / "installed.json").unlink()
    result = folder.run("train")
    assert json.loads(result.stdout)["argv"] == ["train"]
    assert "Step 1 of 2" in result.stderr


def test_signals_reach_the_engine(folder):
    folder.write("engine/__main__.py", "import time; print('on', flush=True); time.sleep(30)")
    process = folder.popen("train", stdout=subprocess.PIPE)
    assert process.stdout.readline() == "on\n"
    process.terminate()
    assert process.wait(timeout=10) == -signal.SIGTERM
    process.stdout.close()


def test_without_a_word_more_all_tests_run_two_files_at_a_time(folder):
    result = folder.run("test", env={"PATH": fake_programs(folder, "chromium")})
    assert json.loads(result.stdout.splitlines()[-1])["argv"][:2] == ["-n", "2"]


def test_the_rest_goes_to_pytest(folder):
    path = fake_programs(folder, "chromium")
    result = folder.run("test", "-k", "foo bar", cwd=folder.root.parent, env={"PATH": path})
    assert result.returncode == 7
    assert json.loads(result.stdout.splitlines()[-1]) == {"argv": ["-k", "foo bar"], "cwd": str(folder.root)}
    assert set(json.loads((folder.venv / "installed.json").read_text())) == {
        "requirements.txt",
        "requirements-dev.txt",
    }
    assert "Chromium" not in result.stdout


@pytest.mark.parametrize(
    "apt, said",
    [
        ("exit 0", "Step 3 of 3  Installing Chromium for the browser tests (0 s): done"),
        (
            "echo 'E: no such package'; exit 100",
            "The browser tests will be skipped, because Chromium could not be "
            "installed: The installation failed with exit code 100 (E: no such",
        ),
    ],
)
def test_chromium_is_installed_where_that_is_possible(folder, apt, said):
    path = fake_programs(folder, "apt-get", "sudo", apt_get=f'echo "apt-get $*"; {apt}')
    result = folder.run("test", env={"PATH": path})
    assert said in result.stdout
    assert result.returncode == 7
    assert "apt-get update" in (folder.venv / "install.log").read_text()


def test_the_browser_tests_are_skipped_without_apt(folder):
    result = folder.run("test", env={"PATH": fake_programs(folder)})
    assert "browser tests will be skipped, because Chromium could not be installed: there is no apt" in result.stdout
    assert result.returncode == 7


def fake_programs(folder, *names, apt_get="exit 0"):
    programs = folder.root / "programs"
    programs.mkdir()
    for name in names:
        script = {"apt-get": apt_get, "sudo": 'shift; [ "$1" = true ] && exit 0; exec "$@"'}.get(name, "exit 0")
        (programs / name).write_text(f"#!/bin/sh\n{script}\n")
        (programs / name).chmod(0o755)
    return str(programs)


def test_help_names_every_command(bare):
    result = bare.run("--help")
    assert result.returncode == 0
    commands = "train check runs show stop delete evaluate predict"
    assert set(commands.split()) <= set(re.findall(r"\w+", result.stdout))
    assert not bare.venv.exists()


# What can go wrong


def test_an_old_python_can_read_the_file():
    ast.parse(START.read_text(encoding="utf-8"), feature_version=(3, 6))


@pytest.mark.parametrize("version", ["(3, 6, 15)", "(3, 10, 13)"])
def test_an_old_python_is_told_so(bare, version):
    code = f"import sys, runpy; sys.version_info = {version}; runpy.run_path('start.py', run_name='__main__')"
    result = subprocess.run([sys.executable, "-c", code], cwd=bare.root, capture_output=True, text=True)
    assert is_one_sentence(result)
    assert result.stderr.startswith("Tuneboard needs Python 3.11 or newer, and this is Python 3.")
    assert not bare.venv.exists()


def test_python_without_ensurepip(bare):
    bare.write("stubs/ensurepip.py", "raise ModuleNotFoundError('No module', name='ensurepip')")
    result = bare.run("--no-browser", env={"PYTHONPATH": str(bare.root / "stubs")})
    assert is_one_sentence(result)
    assert "no module ensurepip" in result.stderr and "apt install python3-venv" in result.stderr


@pytest.mark.parametrize(
    "network",
    [
        {"PIP_RETRIES": "0"},
        {"PIP_RETRIES": "1"},
        {"PIP_RETRIES": "1", "PIP_PROXY": "http://127.0.0.1:9"},
    ],
)
def test_no_network(folder, network):
    folder.write("requirements.txt", "another==1.0\n")
    closed = {
        "PIP_NO_INDEX": "0",
        "PIP_FIND_LINKS": "",
        "PIP_INDEX_URL": f"http://127.0.0.1:{free_port()}/simple",
    }
    result = folder.run("--no-browser", env={**closed, **network})
    assert is_one_sentence(result)
    assert "network" in result.stderr and "proxy" in result.stderr


@pytest.mark.parametrize(
    "printed, said",
    [
        (
            "WARNING: Retrying after 'NameResolutionError(Temporary failure in name resolution)'",
            "cannot be reached",
        ),
        ("Could not fetch URL https://host/simple/six/: connection error", "cannot be reached"),
        (
            "ERROR: Could not find a version that satisfies the requirement six==9 (from versions: none)",
            "no six==9 at all",
        ),
        (
            "ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device",
            "disk space",
        ),
        ("ERROR: Cannot install a==1 and b==2, as they contradict each other.", "a==1 and b==2"),
    ],
)
def test_failures_of_pip_are_told_apart(bare, printed, said):
    problem = str(bare.module().failure(["Collecting six", printed], 1))
    assert said in problem and "\n" not in problem


def test_too_little_room_is_seen_beforehand(tmp_path, wheels):
    with tmpfs(tmp_path / "small", "60m") as small:
        result = Folder(small, wheels).fill().run("--no-browser")
    assert is_one_sentence(result)
    assert re.search(r"needs about 6 GB, twice that while it is installed, and 0\.1 GB are free in ", result.stderr)


def test_the_tests_need_more_room(tmp_path, wheels):
    with tmpfs(tmp_path / "larger", "2200m") as larger:
        module = Folder(larger, wheels).fill().module()
        module.check_space(["requirements.txt"])
        with pytest.raises(module.Problem, match="not enough disk space"):
            module.check_space(["requirements.txt", "requirements-dev.txt"])


def test_a_disk_that_fills_up_meanwhile(tmp_path, wheels, first_start):
    with tmpfs(tmp_path / "disk", "4g") as disk:
        shutil.copytree(first_start[0].root, disk, symlinks=True, dirs_exist_ok=True)
        folder = Folder(disk, wheels)
        folder.write("requirements.txt", "streamlit==1.0\nbig==1.0\n")
        almost_full = shutil.disk_usage(disk).used + 5_000_000
        subprocess.run(["mount", "-o", f"remount,size={almost_full}", disk], check=True)
        result = folder.run("--no-browser")
    assert is_one_sentence(result)
    assert "not enough disk space: Tuneboard needs about 6 GB" in result.stderr


def test_a_folder_that_cannot_be_written_to(tmp_path, wheels):
    with tmpfs(tmp_path / "fixed", "1m") as fixed:
        folder = Folder(fixed, wheels).fill()
        subprocess.run(["mount", "-o", "remount,ro", fixed], check=True)
        result = folder.run("--no-browser")
    assert is_one_sentence(result)
    assert f"may not write to {folder.venv}" in result.stderr


@pytest.mark.parametrize(
    "missing, arguments",
    [
        ("app.py", []),
        ("requirements.txt", ["runs"]),
        ("requirements-dev.txt", ["test"]),
        ("engine", ["runs"]),
    ],
)
def test_an_incomplete_download(bare, missing, arguments):
    path = bare.root / missing
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    result = bare.run(*arguments)
    assert is_one_sentence(result)
    assert result.stderr.startswith(f"{missing} is missing in {bare.root}")
