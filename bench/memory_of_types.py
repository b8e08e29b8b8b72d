#!/usr/bin/env python3
"""Memory of collections, Percore beside redis-server: RSS after loading a data set, less RSS before, a key.

    bench/memory_of_types.py [--percore target/release/percore-server] [--redis redis-server] [--scale 1.0]

The sets: a million hashes of 10 small fields, a million sets of 10 integers, 200,000 sorted sets of 50, 100,000 lists
of 100; each in a server that was just started, loaded through a pipe. Needs Linux, redis-server.
"""
import argparse
import os
import socket
import subprocess
import tempfile
import threading
import time


def command(*words):
    parts = [b"*%d\r\n" % len(words)]
    for word in words:
        word = word if isinstance(word, bytes) else str(word).encode()
        parts.append(b"$%d\r\n%s\r\n" % (len(word), word))
    return b"".join(parts)


def hashes(n):
    fields = [(f"field{i}", f"value{i}") for i in range(10)]
    for i in range(n):
        yield command("HSET", f"hash:{i:07d}", *(w for f, v in fields for w in (f, v)))


def sets(n):
    for i in range(n):
        yield command("SADD", f"set:{i:07d}", *(1000 + (i + j * 37) % 5000 for j in range(10)))


def sorted_sets(n):
    for i in range(n):
        yield command("ZADD", f"zset:{i:06d}", *(w for j in range(50) for w in ((i * 7 + j * 13) % 1000, f"member{j}")))


def lists(n):
    for i in range(n):
        yield command("RPUSH", f"list:{i:06d}", *(f"element{j}" for j in range(100)))


DATA = [("hashes of 10 fields", 1_000_000, hashes), ("sets of 10 integers", 1_000_000, sets),
        ("sorted sets of 50", 200_000, sorted_sets), ("lists of 100", 100_000, lists)]


def rss(pid):
    with open(f"/proc/{pid}/statm") as f:
        return int(f.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def load(port, commands, count):
    """Sends everything and reads every reply; they are integers, a line each."""
    connection = socket.create_connection(("127.0.0.1", port))

    def drain():
        left = count
        while left > 0:
            data = connection.recv(1 << 20)
            if not data:
                raise SystemExit("the server closed the connection")
            if b"-" in data:
                raise SystemExit(f"an error reply: {data[:200]!r}")
            left -= data.count(b"\n")

    reader = threading.Thread(target=drain)
    reader.start()
    batch = []
    for one in commands:
        batch.append(one)
        if len(batch) == 500:
            connection.sendall(b"".join(batch))
            batch.clear()
    connection.sendall(b"".join(batch))
    reader.join()
    connection.close()


def measure(server, port, count, data):
    with tempfile.TemporaryDirectory() as directory:
        process = subprocess.Popen(server + ["--port", str(port), "--save", ""], cwd=directory,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            time.sleep(1)
            before = rss(process.pid)
            load(port, data(count), count)
            time.sleep(1)
            return (rss(process.pid) - before) / count
        finally:
            process.terminate()
            process.wait()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--percore", default="target/release/percore-server")
    parser.add_argument("--redis", default="redis-server")
    parser.add_argument("--shards", default="1")
    parser.add_argument("--scale", type=float, default=1.0)
    options = parser.parse_args()
    percore = [os.path.abspath(options.percore), "--shards", options.shards]
    print(f"{'bytes a key (RSS)':>22} {'redis':>10} {'percore':>10}   percore/redis")
    for name, count, data in DATA:
        count = int(count * options.scale)
        redis = measure([options.redis], 7821, count, data)
        own = measure(percore, 7822, count, data)
        print(f"{name:>22} {redis:10.1f} {own:10.1f}   {own / redis:.2f}", flush=True)


if __name__ == "__main__":
    main()
