"""Fresh processes in a moment: forked from one that did nothing but import torch and transformers.

python -I fresh_server.py serve SOCKET PROGRAM    answers until its standard input is closed
python -I fresh_server.py ask SOCKET              stands for `python -I PROGRAM`: gives its streams to a fork, and waits
"""

import os
import select
import signal
import socket
import sys
import time
from pathlib import Path

WHERE = sys.argv[2]


def serve(program: str) -> None:
    import runpy

    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the forks
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(WHERE)
        server.listen()
        runpy.run_path(str(Path(__file__).with_name("warm.py")))
        while True:
            ready, _, _ = select.select([server, sys.stdin], [], [])
            if sys.stdin in ready:
                return
            connection, _ = server.accept()
            _, streams, _, _ = socket.recv_fds(connection, 1, 3)
            if not os.fork():
                try:
                    server.close()
                    for number, stream in enumerate(streams):
                        os.dup2(stream, number)
                        os.close(stream)
                    runpy.run_path(program, run_name="__main__")
                    sys.stdout.flush()
                finally:
                    os._exit(0)
            connection.close()
            for stream in streams:
                os.close(stream)


def ask() -> None:
    with socket.socket(socket.AF_UNIX) as connection:
        while connection.connect_ex(WHERE):  # it is still coming up
            time.sleep(0.01)
        socket.send_fds(connection, [b"x"], [0, 1, 2])
        connection.recv(1)  # nothing comes: it is closed when the fork has ended


if __name__ == "__main__":
    serve(sys.argv[3]) if sys.argv[1] == "serve" else ask()
