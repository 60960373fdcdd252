"""The program that removes the temporary stores of a process when that process has ended.

It runs by its path and without the package: ``guard.py LIBRARY``, with the addresses as lines of
its standard input.
"""

import signal
import sys

if __name__ == "__main__":
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    addresses = [line[:-1] for line in sys.stdin.buffer]

    import ctypes

    library = ctypes.CDLL(sys.argv[1])
    for address in addresses:
        library.plasma_store_remove(address)
