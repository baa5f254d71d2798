#!/usr/bin/env python3
"""The one door to Tuneboard, on a machine that has nothing but Python 3.11 or newer.

    python3 start.py               install what is missing, then open the dashboard
    python3 start.py test ...      install what the tests need too, then run pytest
    python3 start.py train ...     any other word goes to the command line, python -m engine

Every way in first calls `prepare`. If the stamp in .venv fits the requirement files, nothing is left to do.
Otherwise .venv is made, or made anew if its Python does not run, pip installs into it, and the stamp is
written last: so an installation that was cut short is noticed, and the next start finishes it. A lock file
keeps two start.py from installing, or opening the dashboard, at the same moment.

Whatever a person can put right ends as a `Problem`: one sentence on stderr and exit code 2.
Only the standard library is used, and no syntax newer than Python 3.6, so that an old Python can read this
file far enough to say that it is too old.
"""

import argparse
import contextlib
import errno
import hashlib
import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import webbrowser
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
PYTHON = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
STAMP = VENV / "installed.json"
LOCK = VENV / "start.lock"
LOG = VENV / "install.log"
FAR = 1 << 30  # beyond all that the lock file holds

OLDEST_PYTHON = (3, 11)
VERSION = "%d.%d" % sys.version_info[:2]
NEEDED_GB = {"requirements.txt": 2.1, "requirements-dev.txt": 0.4}
CARDS_GB = 4 if sys.platform.startswith("linux") else 0  # for NVIDIA's cards; torch brings it unless pip is told otherwise
PATIENCE = 120  # seconds that the dashboard may take until it answers
COMMAND = "python start.py" if os.name == "nt" else "python3 start.py"
ALL_TESTS = ["-n", "2", "--dist", "loadfile", "--no-loadscope-reorder"]  # half of the files beside the other half
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")

OTHER_WAYS = """
other ways in:
  start.py test ...      install what the tests need and run all of them; or what the rest, which goes to pytest, says
  start.py COMMAND ...   the command line; start.py COMMAND --help explains each command:
                         check, train, forecast, study, studies, runs, show, stop, pause, resume, clone, queue,
                         evaluate, rules, compare, review, revise, predict, explain, serve, export, push, import,
                         delete, restore, settings, clean
"""


class Problem(Exception):
    """Something that a person can put right, said in one sentence."""

    def __init__(self, sentence, exit_code=2):
        super().__init__(sentence)
        self.exit_code = exit_code


# --- What was asked for ---------------------------------------------------------------------------------------

def main(arguments):
    try:
        check_python(sys.version_info)
        for stream in (sys.stdout, sys.stderr):
            stream.reconfigure(errors="replace")  # a path that the terminal cannot show must not stop us
        for name in ("SIGTERM", "SIGHUP"):
            if getattr(signal, name, None) and signal.getsignal(getattr(signal, name)) == signal.SIG_DFL:
                signal.signal(getattr(signal, name), signal.default_int_handler)
        return run(arguments)
    except Problem as problem:
        print(problem, file=sys.stderr)
        return problem.exit_code
    except OSError as error:
        print(explain(error), file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("Stopped; the next start goes on from here.", file=sys.stderr)
        return 130


def run(arguments):
    if not arguments or arguments[0].startswith("-"):
        return open_dashboard(read_options(arguments))
    if arguments[0] == "test":
        return run_tests(arguments[1:])
    return run_engine(arguments)


def read_options(arguments):
    parser = argparse.ArgumentParser(
        prog="start.py", description="Install what is missing, then open the Tuneboard dashboard.",
        epilog=OTHER_WAYS, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False)
    parser.add_argument("--port", type=port_number, default=8501, metavar="N",
                        help="port of the dashboard on this machine (default: 8501)")
    parser.add_argument("--workspace", metavar="DIR",
                        help="folder of data sets and runs (default: $TUNEBOARD_HOME, else ~/.tuneboard)")
    parser.add_argument("--no-browser", action="store_true", help="only print the address")
    options = parser.parse_args(arguments)
    if options.workspace:
        os.environ["TUNEBOARD_HOME"] = options.workspace
    return options


def port_number(text):
    if text.isdecimal() and 0 < int(text) < 65536:
        return int(text)
    raise argparse.ArgumentTypeError(f"a port is a number from 1 to 65535, not {text!r}")


def run_engine(arguments):
    require("engine")
    prepare(["requirements.txt"], Progress(sys.stderr))  # stdout is the command's own, as in train --json
    # -P: a file in the caller's folder that is named like a package of ours must not be imported in its place.
    return hand_over(["-P", "-m", "engine", *arguments])


def run_tests(arguments):
    browser_is_missing = not any(shutil.which(name) for name in BROWSERS)
    progress = Progress(sys.stdout, steps=int(browser_is_missing))
    prepare(["requirements.txt", "requirements-dev.txt"], progress)
    if browser_is_missing:
        install_chromium(progress)
    os.chdir(str(ROOT))
    return hand_over(["-u", "-m", "pytest", *(arguments or ALL_TESTS)])


def hand_over(arguments):
    """Let the environment's Python take our place, so that its output, signals and exit code are its own."""
    command = [str(PYTHON), *arguments]
    sys.stdout.flush()
    sys.stderr.flush()
    if os.name != "nt":
        os.execve(command[0], command, environment())
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the child too, and it decides
    return subprocess.call(command, env=environment())


# --- The dashboard --------------------------------------------------------------------------------------------

def open_dashboard(options):
    require("app.py")
    progress = Progress(sys.stdout, steps=1)
    prepare(["requirements.txt"], progress)
    url = f"http://127.0.0.1:{options.port}"
    log = VENV / f"server-{options.port}.log"
    try:
        with contextlib.ExitStack() as until_the_end:
            with lock(progress):
                if not port_is_free(options.port):
                    check_it_is_ours(options.port)
                    progress.say(f"Tuneboard is already open at {url}")
                    show_in_browser(url, options)
                    return 0
                server = until_the_end.enter_context(dashboard_server(options.port, log))
                with progress.step("Starting the dashboard"):
                    wait_for_answer(server, options.port, log)
            go_on_with_the_queue()
            progress.say(f"Tuneboard is open at {url} (Ctrl-C stops the dashboard; training goes on.)")
            show_in_browser(url, options)
            while server.poll() is None:
                time.sleep(0.2)
            raise ended_by_itself(server, log)
    except KeyboardInterrupt:
        return 0


@contextlib.contextmanager
def dashboard_server(port, log):
    """Streamlit; the record tells another start.py, while it runs, that it is ours."""
    command = [str(PYTHON), "-m", "streamlit", "run", "app.py", "--server.address", "127.0.0.1",
               "--server.port", str(port), "--server.headless", "true"]
    with open(log, "wb") as output:
        server = subprocess.Popen(command, cwd=str(ROOT), env=environment(), stdin=subprocess.DEVNULL,
                                  stdout=output, stderr=subprocess.STDOUT)
    try:
        write_json(server_record(port), {"pid": server.pid, **asked_for(os.urandom(16).hex())})
        yield server
    finally:
        end(server)
        remove(server_record(port))


def go_on_with_the_queue():
    """Runs that wait since before a restart shall begin, whether or not a browser comes."""
    apart = {"creationflags": 0x00000208} if os.name == "nt" else {"start_new_session": True}  # outlives us
    subprocess.Popen([str(PYTHON), "-m", "engine.workers.watcher"], cwd=str(ROOT), env=environment(),
                     stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **apart)


def server_record(port):
    return VENV / f"server-{port}.json"


def wait_for_answer(server, port, log):
    last_moment = time.monotonic() + PATIENCE
    while not answers(port):
        if server.poll() is not None:
            raise ended_by_itself(server, log)
        if time.monotonic() > last_moment:
            raise Problem(f"The dashboard did not answer within {PATIENCE} seconds; what it printed is in {log}", 1)
        time.sleep(0.1)


def ended_by_itself(server, log):
    lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-10:] or ["(it printed nothing)"]
    heading = f"The dashboard ended by itself with exit code {server.returncode}; its last lines, from {log}:"
    return Problem("\n  ".join([heading, *lines]), 1)


def asked_for(salt):
    """What makes one dashboard another than the next, as its record keeps it; of a password only what scrypt makes of it."""
    password = os.fsencode(os.environ.get("TUNEBOARD_PASSWORD", ""))
    sealed = hashlib.scrypt(password, salt=salt.encode(), n=2**14, r=8, p=1).hex() if password else None
    looks = os.environ.get("TUNEBOARD_READ_ONLY", "") not in ("", "0")  # as in engine/paths.py
    return {"workspace": workspace(), "read_only": looks, "password": sealed, "salt": salt}


def check_it_is_ours(port):
    """Return if what runs on `port` is our dashboard, as it is asked for now; else a Problem says what to do."""
    running = read_json(server_record(port))
    other = next((other for other in range(port + 1, 65536) if port_is_free(other)), 8501)
    advice = f"to use another port, run: {COMMAND} --port {other}"
    if not (running and is_alive(running["pid"]) and answers(port)):
        raise Problem(f"Port {port} is in use by another program; {advice}")
    told = ", ".join(differences(running, asked_for(running.get("salt", ""))))
    if told:
        ending = f"taskkill /F /PID {running['pid']}" if os.name == "nt" else f"kill {running['pid']}"
        raise Problem(f"On port {port}, Tuneboard is open {told}; to end that one, run: {ending}; {advice}")


def differences(running, asked):
    """How the dashboard that runs is another than the one that is asked for, in words."""
    if running["workspace"] != asked["workspace"]:
        yield f"with the workspace {running['workspace']}"
    if running.get("read_only", False) != asked["read_only"]:
        yield "for changes as well" if asked["read_only"] else "for looking only"
    if running.get("password") != asked["password"]:
        both = running.get("password") and asked["password"]
        yield "with another password" if both else "with a password" if running.get("password") else "without a password"


def port_is_free(port):
    with socket.socket() as probe:
        if os.name != "nt":  # there, this option would take a port from the program that uses it
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except PermissionError:
            raise Problem(f"Port {port} is not for ordinary programs; choose another, such as: "
                          f"{COMMAND} --port 8501") from None
        except OSError:
            return False
    return True


def answers(port):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)  # unlike urllib, it asks no proxy
    try:
        connection.request("GET", "/_stcore/health")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def show_in_browser(url, options):
    unwanted = options.no_browser or os.environ.get("CI") or os.environ.get("TUNEBOARD_NO_BROWSER")
    # Without a screen, webbrowser would open a text browser in this very terminal.
    screen = not sys.platform.startswith("linux") or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    if screen and sys.stdout.isatty() and not unwanted:
        with contextlib.suppress(webbrowser.Error):
            webbrowser.open(url)


def workspace():
    return os.path.abspath(os.path.expanduser(os.environ.get("TUNEBOARD_HOME") or "~/.tuneboard"))


# --- The installation -----------------------------------------------------------------------------------------

def prepare(files, progress):
    """Make sure that all that the requirement `files` name is installed."""
    require(*files)
    if not is_installed(files):
        with lock(progress):
            if not is_installed(files):  # another start.py may have done it while we waited
                install(files, progress)


def is_installed(files):
    return read_json(STAMP).items() >= fingerprints(files).items() and venv_version() == VERSION


def fingerprints(files):
    return {name: hashlib.sha256(VERSION.encode() + (ROOT / name).read_bytes()).hexdigest() for name in files}


def install(files, progress):
    stamp = fingerprints(files)  # of now: the next start shall notice if a file changes while pip runs
    found = venv_version()
    progress.say(why_install(found))
    progress.steps += 2
    LOG.write_bytes(b"")
    remove(STAMP)
    with progress.step("Making the environment in .venv"):
        if found != VERSION:
            make_environment(files)
    with progress.step("Installing packages") as show:
        requirements = [option for name in files for option in ("-r", str(ROOT / name))]
        pip = [str(PYTHON), "-I", "-X", "utf8", "-u", "-m", "pip"]
        command = [*pip, "install", "--no-compile", "--progress-bar", progress_bar(), *requirements]
        run_logged(command, PipOutput(files, show).read)
        show("compiling them")
        # What pip would do in one process. That some file is for another Python is no fault.
        subprocess.call([str(PYTHON), "-I", "-m", "compileall", "-qq", "-j", "0", str(VENV)], env=environment(),
                        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    write_json(STAMP, stamp)


def why_install(found):
    if found == VERSION and STAMP.exists():
        return "Some packages are missing or have changed; installing them."
    if found == VERSION:
        return "The last installation was not finished; finishing it now."
    if found:
        return f"The environment in .venv is for Python {found}; making it anew for Python {VERSION}."
    if any(entry.is_dir() for entry in VENV.iterdir()):
        return "The environment in .venv is broken or half made; making it anew."
    return "This is the first start: it installs all that is needed into .venv, and later starts skip that."


def make_environment(files):
    check_venv_module()
    for entry in VENV.iterdir():  # the files beside pyvenv.cfg, such as the lock and the log, are ours
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(str(entry))
        elif entry.is_symlink() or entry.name == "pyvenv.cfg":
            entry.unlink()
    check_space(files)
    run_logged([sys.executable, "-I", "-m", "venv", str(VENV)])


def venv_version():
    """The version of the environment's Python; None if there is none that runs and has pip."""
    # Without pyvenv.cfg it would take itself for the system's Python, and pip would install there.
    return ask_venv("import pip, sys; sys.prefix != sys.base_prefix and print('%d.%d' % sys.version_info[:2])")


def progress_bar():
    """How pip shall tell of a download: newer ones can do it in a way made for programs."""
    has_raw = "[*map(int, pip.__version__.split('.'))] >= [24, 1]"
    return ask_venv(f"import pip; print('raw' if {has_raw} else 'off')") or "off"


def ask_venv(code):
    try:
        answer = subprocess.run([str(PYTHON), "-I", "-c", code], stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return answer.stdout.decode().strip() or None


class PipOutput:
    """Reads what pip prints, and shows how far it is: 14 of about 72, torch (187 MB) 43%."""

    REQUIREMENT = re.compile(r"(Collecting|Requirement already satisfied:) ([\w.-]+)")
    FILE = re.compile(r"(?:Downloading|Using cached|Processing) (?:\S*[/\\])?"
                      r"([^\s/\\]+?)-\d\S*\.(?:whl|zip|tar\.gz)(?: (\(\S+ \wB\))| \(from |$)")
    FRACTION = re.compile(r"Progress (\d+) of ([1-9]\d*)$")

    def __init__(self, files, show):
        lines = [line for name in files for line in (ROOT / name).read_text(encoding="utf-8").splitlines()]
        self.guess = 4 * sum(bool(re.match(r"\w", line)) for line in lines)  # each brings about three more along
        self.named, self.here, self.latest, self.show = set(), set(), "", show

    def read(self, line):
        requirement, file, fraction = (p.match(line) for p in (self.REQUIREMENT, self.FILE, self.FRACTION))
        if requirement:
            self.count(requirement.group(2), is_here=requirement.group(1) != "Collecting")
        elif file:
            self.count(file.group(1), is_here=True, size=file.group(2))
        elif fraction:
            self.show(f"{self.latest} {100 * int(fraction.group(1)) // int(fraction.group(2))}%")
        elif line.startswith("Installing collected packages:"):
            self.show(f"all are here, unpacking {len(line.split(','))}")
        elif line.startswith("WARNING: Retrying"):
            self.show("the package index does not answer, trying again")

    def count(self, name, is_here, size=None):
        key = re.sub(r"[-_.]+", "-", name).lower()
        self.named.add(key)
        if is_here:
            self.here.add(key)
        self.latest = f"{len(self.here)} of about {max(self.guess, len(self.named))}, {name} {size or ''}".strip()
        self.show(self.latest)


def install_chromium(progress):
    """Debian's Chromium, which the browser tests drive, if that takes no password."""
    try:
        with progress.step("Installing Chromium for the browser tests"):
            apt = [*as_root(), "apt-get"]
            run_logged([*apt, "update"])
            run_logged([*apt, "install", "-y", "--no-install-recommends", "chromium",
                        "fonts-dejavu-core", "fonts-liberation"])
    except Problem as problem:
        progress.say(f"The browser tests will be skipped, because Chromium could not be installed: {problem}")


def as_root():
    """What goes before a command that only root may run."""
    if not shutil.which("apt-get"):
        raise Problem("there is no apt-get on this machine.")
    if os.geteuid() == 0:
        return []
    if shutil.which("sudo") and subprocess.call(["sudo", "-n", "true"], stderr=subprocess.DEVNULL) == 0:
        return ["sudo", "-n"]
    raise Problem("that takes root (apt-get install chromium).")


# --- What can go wrong ----------------------------------------------------------------------------------------

def check_python(version):
    if tuple(version[:2]) < OLDEST_PYTHON:
        raise Problem("Tuneboard needs Python %d.%d or newer, and this is Python %d.%d; get one from "
                      "https://www.python.org/downloads/ and run start.py with it."
                      % (OLDEST_PYTHON + tuple(version[:2])))


def check_venv_module():
    try:
        import ensurepip  # noqa: F401 (Debian ships venv without it)
        import venv  # noqa: F401
    except ImportError as error:
        raise Problem(f"This Python cannot make a virtual environment, as it has no module {error.name}; "
                      "on Debian and Ubuntu, this adds it: apt install python3-venv") from None


def check_space(files):
    """Only what is needed in any case is asked for: somebody with a small disk may have packages without CARDS_GB."""
    if shutil.disk_usage(str(ROOT)).free < sum(NEEDED_GB[name] for name in files) * 1e9:
        raise disk_is_full()


def require(*names):
    for name in names:
        if not (ROOT / name).exists():
            raise Problem(f"{name} is missing in {ROOT}, so Tuneboard was not downloaded whole; download it again.")


def disk_is_full():
    rooms = " and ".join(f"{shutil.disk_usage(str(folder)).free / 1e9:.1f} GB are free in {folder}"
                         for folder in (ROOT, tempfile.gettempdir()))
    whole = NEEDED_GB["requirements.txt"] + CARDS_GB
    return Problem(f"There is not enough disk space: Tuneboard needs about {whole:.0f} GB, twice that while it is "
                   f"installed, and {rooms}; free some, then run {COMMAND} again.")


def explain(error):
    """One sentence for an error of the operating system."""
    if error.errno in (errno.ENOSPC, getattr(errno, "EDQUOT", None)):
        return disk_is_full()
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return (f"Tuneboard may not write to {error.filename or VENV} ({error.strerror}); "
                f"make {ROOT} writable, or move it to a folder of your own.")
    return f"Tuneboard cannot go on, because of {error.filename or VENV}: {error.strerror or error}."


DISK = re.compile(r"No space left on device|Disk quota exceeded|Errno 28\b|WinError 112\b")
NETWORK = re.compile(
    r"Could not fetch URL|ConnectionError|NameResolutionError|Temporary failure in name resolution|getaddrinfo failed"
    r"|ProxyError|ConnectTimeoutError|ReadTimeoutError|ProtocolError|SSLError|CERTIFICATE_VERIFY_FAILED"
    r"|Failed to connect to|Failed to establish a|Unable to fetch|Network is unreachable|Tunnel connection failed")
NOTHING_FOUND = re.compile(r"satisfies the requirement (\S+).*\(from versions: none\)")


def failure(lines, code):
    """The Problem that the output of a failed command tells of."""
    text = "\n".join(lines)
    nothing_found = NOTHING_FOUND.search(text)
    if DISK.search(text):
        return disk_is_full()
    if NETWORK.search(text):
        return Problem("The packages could not be downloaded, as their server cannot be reached; check the network "
                       f"and the proxy settings, then run {COMMAND} again. The full log: {LOG}")
    if nothing_found:
        return Problem(f"pip found no {nothing_found.group(1)} at all: either the network or a proxy keeps it from "
                       f"the package index, or there is none for Python {VERSION} here. The full log: {LOG}")
    said = [line for line in lines if line.startswith(("ERROR:", "Error:", "E: "))] or lines or ["it printed nothing"]
    return Problem(f"The installation failed with exit code {code} ({said[-1]}); the full log: {LOG}")


# --- The lock -------------------------------------------------------------------------------------------------

@contextlib.contextmanager
def lock(progress):
    """Hold the lock, waiting for another start.py if it has it. The system ends it with its process, however that ends."""
    VENV.mkdir(exist_ok=True)
    with open(str(LOCK), "a+b", buffering=0) as file:
        if not take(file):
            progress.say(f"Another start.py (process {LOCK.read_text()}) is at work here; waiting for it.")
            while not take(file):
                time.sleep(0.2)
        file.truncate(0)
        file.write(str(os.getpid()).encode())  # for whoever waits
        yield


def take(file):
    """Whether the lock is ours now; if not, another process has it."""
    try:
        if os.name == "nt":
            import msvcrt
            file.seek(FAR)  # what is locked cannot be read there
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    return True


def is_alive(pid):
    if os.name == "nt":  # where os.kill would end it
        import ctypes
        handle = ctypes.windll.kernel32.OpenProcess(0x100000, False, pid)  # the right to wait for it
        ended = not handle or ctypes.windll.kernel32.WaitForSingleObject(handle, 0) == 0
        ctypes.windll.kernel32.CloseHandle(handle)
        return not ended
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


# --- Processes, files, and what is shown meanwhile ------------------------------------------------------------

class Progress:
    """Numbered steps: on a terminal a line that updates itself, elsewhere a line now and then."""

    def __init__(self, stream, steps=0):
        self.stream, self.steps, self.number = stream, steps, 0
        self.is_terminal = stream.isatty()
        self.drawing = threading.Lock()

    def say(self, sentence):
        print(sentence, file=self.stream, flush=True)

    @contextlib.contextmanager
    def step(self, title):
        self.number += 1
        self.title = f"Step {self.number} of {self.steps}  {title}" if self.steps > 1 else title
        self.detail, self.began, self.next_line = "…", time.monotonic(), 0
        is_over = threading.Event()
        ticker = threading.Thread(target=self.tick, args=(is_over,), daemon=True)
        ticker.start()
        outcome = "not finished"
        try:
            yield self.show
            outcome = "done"
        finally:
            is_over.set()
            ticker.join()
            self.draw(f": {outcome}", is_last=True)

    def tick(self, is_over):
        with contextlib.suppress(OSError):
            self.draw(self.detail)
            while not is_over.wait(1):
                self.draw(self.detail)

    def show(self, detail):
        self.detail = f": {detail}…"
        self.draw(self.detail)

    def draw(self, detail, is_last=False):
        now = time.monotonic()
        text = f"{self.title} ({now - self.began:.0f} s){detail}"
        with self.drawing:
            if self.is_terminal:
                width = shutil.get_terminal_size().columns - 1
                self.stream.write("\r" + text[:width].ljust(width) + "\n" * is_last)
            elif is_last or now >= self.next_line:
                self.next_line = now + 10
                self.stream.write(text + "\n")
            self.stream.flush()


def run_logged(command, on_line=lambda line: None):
    """Run `command`; its output goes to the log and, line by line, to `on_line`. A Problem if it fails."""
    lines = []
    process = subprocess.Popen(command, env=environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, encoding="utf-8", errors="replace")
    try:
        with process.stdout, open(LOG, "a", encoding="utf-8") as log:
            for line in process.stdout:
                lines.append(line.strip())
                log.write(line)
                on_line(line.strip())
        code = process.wait()
    finally:
        end(process)
    if code != 0:
        raise failure([line for line in lines if line], code)


def end(process):
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def environment():
    """The variables of all that we start; what the person has set for pip stays in force."""
    variables = dict(
        os.environ, PYTHONUTF8="1", STREAMLIT_BROWSER_GATHER_USAGE_STATS="false", HF_HUB_DISABLE_TELEMETRY="1",
        PIP_DISABLE_PIP_VERSION_CHECK="1", PIP_NO_INPUT="1", PIP_NO_COLOR="1", PIP_USER="0")
    for name in ("PYTHONHOME", "PYTHONDONTWRITEBYTECODE"):
        variables.pop(name, None)
    variables.setdefault("GOMP_SPINCOUNT", "5000")  # torch's threads soon sleep while they wait: docs/decisions.md
    variables["PYTHONPATH"] = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    if "TUNEBOARD_HOME" in variables:
        variables["TUNEBOARD_HOME"] = workspace()  # absolute, as the dashboard runs in another folder than ours
    return variables


def read_json(file):
    """What is in `file`, or nothing if it is not there or damaged."""
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}


def write_json(file, value):
    """Write `file` so that it is there whole or not at all."""
    part = file.with_name(file.name + ".part")
    part.write_text(json.dumps(value), encoding="utf-8")
    os.replace(str(part), str(file))


def remove(file):
    with contextlib.suppress(FileNotFoundError):
        file.unlink()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
