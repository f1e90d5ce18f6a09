"""The program that icar starts for a model in another process: it hands its standard input
on to that, and what comes back to its standard output. It needs no package."""

import os
import socket
import sys
import threading


def forward(connection: socket.socket) -> None:
    """Hand the standard input on, to its end."""
    try:
        while True:
            data = os.read(0, 1 << 20)
            if not data:
                connection.shutdown(socket.SHUT_WR)
                return
            connection.sendall(data)
    except OSError:
        pass  # the model has gone, which the other direction notices


def main(address: str) -> int:
    """Relay until the model closes its end of the connection, and return the exit code: 0
    if it has answered all that it was asked, which the file ADDRESS.done says."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(address)
        threading.Thread(target=forward, args=(connection,), daemon=True).start()
        while True:
            data = connection.recv(1 << 20)
            if not data:
                break
            while data:
                data = data[os.write(1, data):]
    if os.path.exists(address + ".done"):
        return 0
    print("the model has ended with an error, which the process that it is in reports",
          file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.stdout = None  # nothing but predictions goes there
    code = main(sys.argv[1])
    sys.stderr.flush()
    os._exit(code)  # the thread may still wait for input
