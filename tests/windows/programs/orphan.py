"""Runs on Windows: start the process of a PAC file, and be gone without a word, idle or in the middle of a script."""

import os
import sys
import threading
import time

from pacaware.pac import PacEvaluator

BODIES = {"idle": "return 'DIRECT';", "loop": "for (;;);"}

how = sys.argv[1]
evaluator = PacEvaluator(
    "function FindProxyForURL(u, h) { if (u === 'http://first/') return 'DIRECT'; " + BODIES[how] + " }"
)
evaluator.find_proxy("http://first/")
if how == "loop":
    threading.Thread(target=evaluator.find_proxy, args=("http://second/",), daemon=True).start()
    time.sleep(1.0)  # let the script run
print(len(sys.argv), flush=True)
os._exit(0)
