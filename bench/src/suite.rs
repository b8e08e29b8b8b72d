//! redis-benchmark's tests: the same names, the same bytes, so that figures can be set side by side.

/// One built-in test.
#[derive(Clone, Copy, Debug)]
pub struct Test {
    /// What the report calls it.
    pub title: &'static str,
    /// The names for `-t` that select it.
    pub names: &'static [&'static str],
    pub request: Request,
}

/// What a test sends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Request {
    /// These bytes.
    Raw(&'static [u8]),
    /// This command; in it `{tag}` becomes `:{tag}` in a cluster, and nothing elsewhere.
    Command(&'static str),
}

const fn test(title: &'static str, names: &'static [&'static str], command: &'static str) -> Test {
    Test { title, names, request: Request::Command(command) }
}

/// All tests, in their order.
pub static TESTS: &[Test] = &[
    Test { title: "PING_INLINE", names: &["ping_inline", "ping"], request: Request::Raw(b"PING\r\n") },
    test("PING_MBULK", &["ping_mbulk", "ping"], "PING"),
    test("SET", &["set"], "SET key{tag}:__rand_int__ __data__"),
    test("GET", &["get"], "GET key{tag}:__rand_int__"),
    test("INCR", &["incr"], "INCR counter{tag}:__rand_int__"),
    test("LPUSH", &["lpush"], "LPUSH mylist{tag} __data__"),
    test("RPUSH", &["rpush"], "RPUSH mylist{tag} __data__"),
    test("LPOP", &["lpop"], "LPOP mylist{tag}"),
    test("RPOP", &["rpop"], "RPOP mylist{tag}"),
    test("SADD", &["sadd"], "SADD myset{tag} element:__rand_int__"),
    test("HSET", &["hset"], "HSET myhash{tag} element:__rand_int__ __data__"),
    test("SPOP", &["spop"], "SPOP myset{tag}"),
    test("ZADD", &["zadd"], "ZADD myzset{tag} {score} element:__rand_int__"),
    test("ZPOPMIN", &["zpopmin"], "ZPOPMIN myzset{tag}"),
    test(
        "LPUSH (needed to benchmark LRANGE)",
        &["lrange", "lrange_100", "lrange_300", "lrange_500", "lrange_600"],
        "LPUSH mylist{tag} __data__",
    ),
    test("LRANGE_100 (first 100 elements)", &["lrange", "lrange_100"], "LRANGE mylist{tag} 0 99"),
    test("LRANGE_300 (first 300 elements)", &["lrange", "lrange_300"], "LRANGE mylist{tag} 0 299"),
    test("LRANGE_500 (first 500 elements)", &["lrange", "lrange_500"], "LRANGE mylist{tag} 0 499"),
    test("LRANGE_600 (first 600 elements)", &["lrange", "lrange_600"], "LRANGE mylist{tag} 0 599"),
    test(
        "MSET (10 keys)",
        &["mset"],
        "MSET key{tag}:__rand_int__ __data__ key{tag}:__rand_int__ __data__ key{tag}:__rand_int__ __data__ \
         key{tag}:__rand_int__ __data__ key{tag}:__rand_int__ __data__ key{tag}:__rand_int__ __data__ \
         key{tag}:__rand_int__ __data__ key{tag}:__rand_int__ __data__ key{tag}:__rand_int__ __data__ \
         key{tag}:__rand_int__ __data__",
    ),
    test("XADD", &["xadd"], "XADD mystream{tag} * myfield __data__"),
];

/// The tests that these names select; all for no names.
///
/// # Errors
/// A sentence for the user, for a name that is none's.
pub fn select(names: &[String]) -> Result<Vec<Test>, String> {
    if let Some(unknown) = names.iter().find(|n| !TESTS.iter().any(|t| t.names.contains(&n.as_str()))) {
        let known: Vec<_> = TESTS.iter().map(|t| t.names[0]).filter(|n| *n != "lrange").collect();
        return Err(format!("-t {unknown}: no such test; there are {}, ping, lrange", known.join(", ")));
    }
    let wanted = |t: &&Test| names.is_empty() || names.iter().any(|n| t.names.contains(&n.as_str()));
    Ok(TESTS.iter().filter(wanted).copied().collect())
}

/// A test's command. ZADD has scores of its own if keys are random, as in redis-benchmark.
#[must_use]
pub fn command(text: &str, cluster: bool, random: bool) -> String {
    let tagged = text.replace("{tag}", if cluster { ":{tag}" } else { "" });
    tagged.replace("{score}", if random { "__rand_int__" } else { "0" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_select_tests() {
        let titles = |names: &[&str]| {
            let names: Vec<_> = names.iter().map(|n| (*n).to_string()).collect();
            select(&names).map(|tests| tests.iter().map(|t| t.title).collect::<Vec<_>>())
        };
        assert_eq!(titles(&[]).expect("all").len(), 21);
        assert_eq!(titles(&["ping", "get"]), Ok(vec!["PING_INLINE", "PING_MBULK", "GET"]));
        assert_eq!(
            titles(&["lrange_300"]),
            Ok(vec!["LPUSH (needed to benchmark LRANGE)", "LRANGE_300 (first 300 elements)"])
        );
        assert!(titles(&["gett"]).expect_err("unknown").contains("no such test"));
    }

    #[test]
    fn commands_are_those_of_redis_benchmark() {
        let zadd = "ZADD myzset{tag} {score} element:__rand_int__";
        assert_eq!(command(zadd, false, false), "ZADD myzset 0 element:__rand_int__");
        assert_eq!(command(zadd, true, true), "ZADD myzset:{tag} __rand_int__ element:__rand_int__");
    }
}
