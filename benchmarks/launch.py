"""Starts a command from a small process, and writes down what it took: `launch.py REPORT COMMAND…`.

A process begins with the peak memory of whoever started it, so that has to be small.
"""

import json
import os
import sys
import time

started = time.perf_counter()
child = os.fork()
if not child:
    os.execvp(sys.argv[2], sys.argv[2:])
_, status, used = os.wait4(child, 0)
seconds = time.perf_counter() - started
report = {
    "status": os.waitstatus_to_exitcode(status),
    "seconds": seconds,
    "cpu": used.ru_utime + used.ru_stime,
    "maxrss": used.ru_maxrss,
}
with open(sys.argv[1], "w") as file:
    json.dump(report, file)
