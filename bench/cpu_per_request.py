#!/usr/bin/env python3
"""Server CPU microseconds per request, Percore beside redis-server, in one run.

    bench/cpu_per_request.py [--percore target/release/percore-server] [--redis redis-server]
                             [--rounds 5] [--requests 1000000] [--shards 1]

Both servers are pinned to CPU 0 (with --shards 2: Percore to CPUs 0 and 1, and compared with itself at one shard),
the load, redis-benchmark, to CPU 1. Keys are uniform over 100,000, values have 64 bytes. A round measures each
server once, in turn; the figures are medians over the rounds of what the kernel says the server's threads have run
(/proc/PID/task/*/schedstat) divided by the requests. Needs Linux, two CPUs, redis-server and redis-benchmark.
"""
import argparse
import glob
import os
import statistics
import subprocess
import tempfile
import time

WORKLOADS = [("get", 1, 50), ("set", 1, 50), ("get", 16, 50), ("set", 16, 50), ("get", 64, 50), ("set", 64, 50),
             ("get", 1, 1000)]
KEYS = 100_000


def cpu_seconds(pid):
    """What all threads of the process have run so far."""
    total = 0
    for path in glob.glob(f"/proc/{pid}/task/*/schedstat"):
        with open(path) as f:
            total += int(f.read().split()[0])
    return total / 1e9


def start(command, cpus, directory):
    server = subprocess.Popen(["taskset", "-c", cpus] + command, cwd=directory,
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    time.sleep(1)
    if server.poll() is not None:
        raise SystemExit(f"{command[0]} did not start")
    return server


def load(port, kind, pipeline, clients, requests):
    subprocess.run(["taskset", "-c", "1", "redis-benchmark", "-p", str(port), "-t", kind, "-P", str(pipeline),
                    "-c", str(clients), "-n", str(requests), "-r", str(KEYS), "-d", "64", "-q"],
                   check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def measure(server, port, kind, pipeline, clients, requests):
    before = cpu_seconds(server.pid)
    load(port, kind, pipeline, clients, requests)
    return (cpu_seconds(server.pid) - before) / requests * 1e6


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--percore", default="target/release/percore-server")
    parser.add_argument("--redis", default="redis-server")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--requests", type=int, default=1_000_000)
    parser.add_argument("--shards", type=int, default=1)
    options = parser.parse_args()
    percore = os.path.abspath(options.percore)

    with tempfile.TemporaryDirectory() as directory:
        common = ["--save", "", "--port"]
        names = ("redis", "percore") if options.shards == 1 else ("one shard", f"{options.shards} shards")
        if options.shards == 1:
            plans = [([options.redis] + common + ["7811"], "0"), ([percore, "--shards", "1"] + common + ["7812"], "0")]
        else:
            plans = [([percore, "--shards", "1"] + common + ["7811"], "0,1"),
                     ([percore, "--shards", str(options.shards)] + common + ["7812"], "0,1")]
        servers = [start(command, cpus, directory) for command, cpus in plans]
        ports = (7811, 7812)
        try:
            for port in ports:
                load(port, "set", 16, 50, 10 * KEYS)
            print(f"{'':>16} {names[0]:>10} {names[1]:>10}   {names[1]}/{names[0]}")
            for kind, pipeline, clients in WORKLOADS:
                requests = options.requests if pipeline > 1 else options.requests // 5
                found = ([], [])
                for _ in range(options.rounds):
                    for server, port, into in zip(servers, ports, found):
                        into.append(measure(server, port, kind, pipeline, clients, requests))
                first, second = (statistics.median(f) for f in found)
                ratio = statistics.median(b / a for a, b in zip(*found))
                name = f"{kind.upper()} P{pipeline}" + (f" c{clients}" if clients != 50 else "")
                print(f"{name:>16} {first:10.3f} {second:10.3f}   {ratio:.2f}", flush=True)
        finally:
            for server in servers:
                server.terminate()
                server.wait()


if __name__ == "__main__":
    main()
