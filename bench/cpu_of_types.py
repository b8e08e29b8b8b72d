#!/usr/bin/env python3
"""Server CPU microseconds per command on collections, Percore beside redis-server, in one run.

    bench/cpu_of_types.py [--percore target/release/percore-server] [--redis redis-server] [--rounds 5]
                          [--requests 500000] [--only zadd]

As bench/cpu_per_request.py, with redis-benchmark at pipeline depth 16 and 50 connections: one shard and redis-server on
CPU 0, the load on CPU 1, medians of the rounds, keys and members uniform over what the table says.
"""
import argparse
import os
import statistics
import subprocess
import tempfile

from cpu_per_request import cpu_seconds, start

# Name, commands that fill, random numbers of the filling and of the measured command, the command.
# A fill is (times, range, words); in words __rand_int__ is a random number below the range.
WORKLOADS = [
    ("zadd", [], 100_000, "ZADD z __rand_int__ m:__rand_int__"),
    ("zadd small", [], 100_000, "ZADD z:__rand_int__ 1 m"),
    ("zrank", [(300_000, 100_000, "ZADD z __rand_int__ m:__rand_int__")], 100_000, "ZRANK z m:__rand_int__"),
    ("zscore", [(300_000, 100_000, "ZADD z __rand_int__ m:__rand_int__")], 100_000, "ZSCORE z m:__rand_int__"),
    ("zrange 10", [(300_000, 100_000, "ZADD z __rand_int__ m:__rand_int__")], 90_000, "ZRANGE z __rand_int__ 99999 BYSCORE LIMIT 0 10"),
    ("zrangebyscore 10", [(300_000, 100_000, "ZADD z __rand_int__ m:__rand_int__")], 100_000,
     "ZRANGEBYSCORE z __rand_int__ +inf LIMIT 0 10"),
    ("lpush", [], 1000, "LPUSH l:__rand_int__ element"),
    ("rpop", [(500_000, 1000, "LPUSH l:__rand_int__ element")], 1000, "RPOP l:__rand_int__"),
    ("lrange 100", [(100_000, 100, "RPUSH l:__rand_int__ element:__rand_int__")], 100, "LRANGE l:__rand_int__ 0 99"),
    ("hset", [], 100_000, "HSET h:__rand_int__ field value"),
    ("hset large", [], 100_000, "HSET h f:__rand_int__ value"),
    ("hget", [(300_000, 100_000, "HSET h:__rand_int__ field value")], 100_000, "HGET h:__rand_int__ field"),
    ("hget large", [(300_000, 100_000, "HSET h f:__rand_int__ value")], 100_000, "HGET h f:__rand_int__"),
    ("hgetall 10", [(1000_000, 10_000, "HSET h:__rand_int__ f:__rand_int__ v")], 10_000, "HGETALL h:__rand_int__"),
    ("sadd", [], 100_000, "SADD s m:__rand_int__"),
    ("sadd small", [], 100_000, "SADD s:__rand_int__ 1"),
    ("sismember", [(300_000, 100_000, "SADD s m:__rand_int__")], 100_000, "SISMEMBER s m:__rand_int__"),
    ("sinter 100", [(2_000, 200, "SADD a m:__rand_int__"), (2_000, 400, "SADD b m:__rand_int__")], 2, "SINTER a b"),
    ("xadd", [], 100, "XADD x:__rand_int__ * field value"),
    ("xrange 10", [(200_000, 100, "XADD x:__rand_int__ * field value")], 100, "XRANGE x:__rand_int__ - + COUNT 10"),
]


def run(port, requests, limit, words):
    command = ["taskset", "-c", "1", "redis-benchmark", "-p", str(port), "-P", "16", "-c", "50", "-n", str(requests),
               "-r", str(limit), "-q"] + words.split()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def measure(server, port, fills, limit, words, requests):
    subprocess.run(["redis-cli", "-p", str(port), "FLUSHALL"], check=True, stdout=subprocess.DEVNULL)
    for times, of, fill in fills:
        run(port, times, of, fill)
    before = cpu_seconds(server.pid)
    run(port, requests, limit, words)
    return (cpu_seconds(server.pid) - before) / requests * 1e6


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--percore", default="target/release/percore-server")
    parser.add_argument("--redis", default="redis-server")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--requests", type=int, default=500_000)
    parser.add_argument("--only", default="")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        common = ["--save", "", "--port"]
        plans = [([options.redis] + common + ["7811"], "0"),
                 ([os.path.abspath(options.percore), "--shards", "1"] + common + ["7812"], "0")]
        servers = [start(command, cpus, directory) for command, cpus in plans]
        try:
            print(f"{'':>18} {'redis':>10} {'percore':>10}   percore/redis")
            for name, fills, limit, words in WORKLOADS:
                if not name.startswith(options.only):
                    continue
                requests = options.requests // (5 if name.split()[-1] in ("100", "10") else 1)
                found = ([], [])
                for _ in range(options.rounds):
                    for server, port, into in zip(servers, (7811, 7812), found):
                        into.append(measure(server, port, fills, limit, words, requests))
                first, second = (statistics.median(f) for f in found)
                ratio = statistics.median(b / a for a, b in zip(*found))
                print(f"{name:>18} {first:10.3f} {second:10.3f}   {ratio:.2f}", flush=True)
        finally:
            for server in servers:
                server.terminate()
                server.wait()


if __name__ == "__main__":
    main()
