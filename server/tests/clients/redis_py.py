"""redis-py against a running server: `redis_py.py PORT`. Prints one line when all holds."""

import sys

import redis


def check(r):
    r.flushall()
    assert r.set("name", "percore") is True
    assert r.get("name") == b"percore"
    assert r.get("missing") is None
    assert r.set("name", "x", nx=True) is None
    assert r.set("name", "new", get=True) == b"percore"
    assert r.mset({"a": 1, "b": 2}) is True
    assert r.mget("a", "b", "c") == [b"1", b"2", None]
    assert r.incrby("a", 41) == 42
    assert r.incrbyfloat("f", 1.5) == 1.5
    assert r.expire("a", 1000) is True
    assert 0 < r.ttl("a") <= 1000
    assert r.persist("a") is True
    assert r.object("encoding", "a") in (b"int", "int")
    with r.pipeline(transaction=False) as pipe:
        for i in range(500):
            pipe.set(f"scan:{i}", i)
        assert all(pipe.execute())
    assert len(set(r.scan_iter(match="scan:*", count=50))) == 500
    assert len(r.keys("scan:1*")) == 111
    assert r.rename("a", "renamed") is True
    assert r.copy("renamed", "copied") is True
    assert r.delete("renamed", "copied", "nothing") == 2
    assert r.unlink("b") == 1
    try:
        r.incr("name")
        raise AssertionError("INCR of a word succeeded")
    except redis.ResponseError as error:
        assert str(error) == "value is not an integer or out of range"
    assert r.client_setname("py") is True
    assert r.client_getname() in ("py", b"py")
    assert any(c["name"] == "py" for c in r.client_list())
    assert "redis_version" in r.info("server")
    assert "maxmemory" in r.config_get("max*")
    assert r.command_count() > 200
    assert r.dbsize() > 500
    assert isinstance(r.memory_usage("name"), int)
    assert r.echo("hello") == b"hello"
    assert len(r.time()) == 2


VERSIONS = (2, 3)
for version in VERSIONS:
    with redis.Redis(port=int(sys.argv[1]), protocol=version) as client:
        check(client)
print(f"{len(VERSIONS)} protocol versions passed")
