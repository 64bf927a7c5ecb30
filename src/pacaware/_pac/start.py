"""The plain file that starts the process of a PAC file; what it runs is imported, and so compiled only once."""

import sys

sys.path.append(__file__.rpartition("start.py")[0] or ".")
worker = __import__("worker")
sys.path.pop()

if __name__ == "__main__":
    worker.main()
