//! Transcripts of redis-server 7.0.15, and what they cannot show: changes counted and told, encodings, chances,
//! and what came with 7.2.

use crate::command::zset::pop::{End, Popped, pop};
use crate::event::Class;
use crate::testing::Bed;
use proto::encode::Resp;
use std::collections::{BTreeMap, BTreeSet};

/// A bed whose sorted sets are all large.
fn large() -> Bed {
    let mut bed = Bed::new();
    bed.shard.settings.thresholds.zset_max_listpack_entries = 0;
    bed
}

#[test]
fn sorted_sets() {
    Bed::new().replay(include_str!("../transcripts/zsets.txt"));
}

/// The form must not show, but for the texts of scores in ZSCAN, which are the same here.
#[test]
fn large_sorted_sets() {
    large().replay(include_str!("../transcripts/zsets.txt"));
}

#[test]
fn combinations() {
    Bed::new().replay(include_str!("../transcripts/zset_combine.txt"));
}

#[test]
fn resp3() {
    for mut bed in [Bed::new(), large()] {
        bed.cx.resp = Resp::V3;
        bed.replay(include_str!("../transcripts/zsets_resp3.txt"));
    }
}

/// With 7.2.
#[test]
fn ranks_with_scores() {
    for mut bed in [Bed::new(), large()] {
        bed.run(&["zadd", "z", "1", "a", "2.5", "b"]);
        bed.check("zrank z b withscore", "*2\r\n:1\r\n$3\r\n2.5\r\n");
        bed.check("zrevrank z b WITHSCORE", "*2\r\n:0\r\n$3\r\n2.5\r\n");
        bed.check("zrank z nobody withscore", "*-1\r\n");
        bed.check("zrank nokey a withscore", "*-1\r\n");
        bed.check("zrank z b bogus", "-ERR syntax error\r\n");
        bed.check("zrank z b withscore x", "-ERR wrong number of arguments for 'zrank' command\r\n");
        bed.cx.resp = Resp::V3;
        bed.check("zrank z b withscore", "*2\r\n:1\r\n,2.5\r\n");
        bed.check("zrank z nobody withscore", "_\r\n");
    }
}

/// The shortest text, where 7.0 wrote 17 digits.
#[test]
fn scores_are_short() {
    for mut bed in [Bed::new(), large()] {
        bed.run(&["zadd", "z", "0.1", "a", "-0.0", "b"]);
        bed.check("zscore z a", "$3\r\n0.1\r\n");
        bed.check("zincrby z 0.2 a", "$19\r\n0.30000000000000004\r\n");
        bed.run(&["zadd", "z", "1e300", "a"]);
        bed.check("zscore z a", "$6\r\n1e+300\r\n");
        bed.run(&["zadd", "z", "1e-5", "a"]);
        bed.check("zscore z a", "$7\r\n0.00001\r\n");
        bed.run(&["zadd", "z", "123456789012345678", "a"]);
        bed.check("zscore z a", "$18\r\n123456789012345680\r\n");
    }
    let mut bed = large();
    bed.run(&["zadd", "z", "0.1", "a", "-0.0", "b"]);
    bed.check("zscan z 0 match a", "*2\r\n$1\r\n0\r\n*2\r\n$1\r\na\r\n$19\r\n0.10000000000000001\r\n");
    bed.check("zscan z 0 noscores match a", "*2\r\n$1\r\n0\r\n*1\r\n$1\r\na\r\n");
    bed.check("zscore z b", "$2\r\n-0\r\n");
}

#[test]
fn changes_are_counted() {
    let mut bed = Bed::new();
    for (command, changes) in [
        ("zadd z 1 a 2 b 3 c", 3),
        ("zadd z 1 a 5 b 6 d", 2),
        ("zadd z nx 9 a", 0),
        ("zincrby z 0 a", 0),
        ("zincrby z 1 a", 1),
        ("zadd nokey xx 1 a", 0),
        ("zrem z a nobody", 1),
        ("zrangestore d z 0 -1", 1),
        ("zrangestore d nokey 0 -1", 1),
        ("zrangestore d nokey 0 -1", 0),
        ("zunionstore d 2 z z", 1),
        ("zinterstore d 2 z nokey", 1),
        ("zdiffstore d 2 z nokey", 1),
        ("zremrangebyrank d 0 0", 1),
        ("zremrangebyscore d 100 200", 0),
        ("zremrangebylex d - +", 2),
        ("zpopmin z 2", 2),
        ("zmpop 1 z max count 5", 1),
        ("zpopmax z", 0),
        ("geoadd g 1 1 a 2 2 b", 2),
        ("geosearchstore d g fromlonlat 1 1 byradius 1000 km", 2),
        ("georadius g 100 1 1 km store d", 1),
        ("zrandmember g 2", 0),
    ] {
        bed.run(&command.split(' ').collect::<Vec<_>>());
        assert_eq!(bed.cx.dirty, changes, "{command}");
    }
}

#[test]
fn changes_are_told() {
    let mut bed = Bed::new();
    bed.shard.events.publish(Class::ZSET.union(Class::GENERIC));
    for (command, events) in [
        ("zadd z 1 a 2 b", &["zadd"][..]),
        ("zadd z 1 a", &[]),
        ("zadd z incr 1 a", &["zincr"]),
        ("zincrby z 1 c", &["zincr"]),
        ("zrem z c", &["zrem"]),
        ("zrangestore d z 0 -1", &["zrangestore"]),
        ("zrangestore d z 5 6", &["del"]),
        ("zunionstore d 1 z", &["zunionstore"]),
        ("zinterstore d 1 z", &["zinterstore"]),
        ("zdiffstore d 1 z", &["zdiffstore"]),
        ("zdiffstore d 2 z z", &["del"]),
        ("zpopmin z", &["zpopmin"]),
        ("zmpop 1 z max", &["zpopmax", "del"]),
        ("zadd z 1 a 2 b 3 c", &["zadd"]),
        ("zremrangebyrank z 0 0", &["zremrangebyrank"]),
        ("zremrangebyscore z 2 2", &["zremrangebyscore"]),
        ("zremrangebylex z - +", &["zremrangebylex", "del"]),
        ("geoadd g 1 1 a", &["zadd"]),
        ("geosearchstore d g fromlonlat 1 1 byradius 1 km", &["geosearchstore"]),
        ("georadius g 1 1 1 km storedist d", &["georadiusstore"]),
        ("georadius g 9 1 1 km store d", &["del"]),
        ("zrem g a", &["zrem", "del"]),
    ] {
        bed.run(&command.split(' ').collect::<Vec<_>>());
        let told: Vec<_> = bed.shard.events.notifications.drain(..).map(|n| n.event).collect();
        assert_eq!(told, events, "{command}");
    }
}

#[test]
fn encodings_follow_the_thresholds() {
    let mut bed = Bed::new();
    bed.shard.settings.thresholds.zset_max_listpack_entries = 3;
    bed.shard.settings.thresholds.zset_max_listpack_value = 5;
    let (small, large) = ("$8\r\nlistpack\r\n", "$8\r\nskiplist\r\n");
    for (command, encoding) in [
        ("zadd k 1 a 2 b 3 c", small),
        ("zadd k 4 a", small),
        ("zadd k 4 d", large),
        ("zremrangebyrank k 0 2", large),
        ("zunionstore k 1 k", small),
        ("zincrby k 1 longer", large),
        ("zrangestore k k 0 -1", large),
        ("zrem k longer", large),
        ("zrangestore k k 0 -1", small),
        ("zadd k 1 a 2 a 3 a 4 a", large),
    ] {
        bed.run(&command.split(' ').collect::<Vec<_>>());
        bed.check("object encoding k", encoding);
    }
    bed.run(&["del", "k"]);
    bed.run(&["zadd", "k", "1", "longer"]);
    bed.check("object encoding k", large);
    bed.check("type k", "+zset\r\n");
    bed.run(&["copy", "k", "l"]);
    bed.check("zrange l 0 -1", "*1\r\n$6\r\nlonger\r\n");
    bed.check("object encoding l", large);
}

/// What redis-server 7.0.15 answers for the same data.
#[test]
fn digests() {
    for mut bed in [Bed::new(), large()] {
        bed.run(&["zadd", "z", "1.5", "a", "-3", "10", "inf", "c", "0.1", "d"]);
        bed.run(&["zadd", "big", "1", &"x".repeat(70), "0.3", "b"]);
        bed.check("debug digest-value z big", "*2\r\n+922ec940550ee0c14aaed3b0ef8d36fe745b4a17\r\n+87b598609dfdaa456b7f0000e99654d4d83e2157\r\n");
    }
}

/// 1,000 draws of each of 20 members: chi-square with 19 degrees of freedom is below 50 but for one seed in 10,000.
#[test]
fn random_members_are_fair() {
    for mut bed in [Bed::new(), large()] {
        for i in 0..20 {
            bed.run(&["zadd", "z", &i.to_string(), &format!("m{i:02}")]);
        }
        for (command, draws) in
            [("zrandmember z -20000", 1), ("zrandmember z 5", 4000), ("zrandmember z 15", 1333)]
        {
            let mut counts = BTreeMap::new();
            for _ in 0..draws {
                let reply = bed.run(&command.split(' ').collect::<Vec<_>>());
                let members: Vec<_> =
                    reply.lines().filter(|l| l.starts_with('m')).map(str::to_string).collect();
                if !command.contains('-') {
                    assert_eq!(members.iter().collect::<BTreeSet<_>>().len(), members.len(), "all different");
                }
                members.into_iter().for_each(|member| *counts.entry(member).or_insert(0) += 1);
            }
            let total: i32 = counts.values().sum();
            let mean = f64::from(total) / 20.0;
            let chi_square: f64 = counts.values().map(|&n| (f64::from(n) - mean).powi(2) / mean).sum();
            assert!(counts.len() == 20 && chi_square < 50.0, "{command}: {chi_square}");
        }
    }
}

#[test]
fn a_scan_meets_every_member_that_stays() {
    let mut bed = large();
    for i in 0..3000 {
        bed.run(&["zadd", "z", &i.to_string(), &format!("stays:{i}")]);
    }
    let (mut cursor, mut seen, mut round) = ("0".to_string(), BTreeSet::new(), 0);
    loop {
        let reply = bed.run(&["zscan", "z", &cursor, "count", "50", "match", "stays:*"]);
        let mut lines = reply.lines();
        cursor = lines.nth(2).expect("a cursor").to_string();
        seen.extend(reply.lines().filter(|line| line.starts_with("stays:")).map(str::to_string));
        // Scores move, members come and go.
        bed.run(&["zincrby", "z", "5000", &format!("stays:{round}")]);
        bed.run(&["zadd", "z", "1", &format!("comes:{round}")]);
        bed.run(&["zrem", "z", &format!("comes:{}", round / 2)]);
        round += 1;
        if cursor == "0" {
            break;
        }
    }
    assert!(round > 10 && seen.len() == 3000);
}

#[test]
fn popping_hands_out_the_outermost_first() {
    for mut bed in [Bed::new(), large()] {
        bed.run(&["zadd", "z", "1", "a", "2", "b", "3", "c", "4", "d"]);
        let key = bed.shard.key(b"z");
        let mut popped = Vec::new();
        let n = pop(&mut bed.shard, &mut bed.cx, &key, End::Max, 3, &mut |it| match it {
            Popped::Count(n) => popped.push((n.to_string(), 0.0)),
            Popped::Pair(member, score) => {
                popped.push((String::from_utf8(member.to_vec()).unwrap(), score));
            }
        });
        assert_eq!(n, Ok(3));
        let want = [("3", 0.0), ("d", 4.0), ("c", 3.0), ("b", 2.0)];
        assert_eq!(popped, want.map(|(text, score)| (text.to_string(), score)));
    }
}

#[test]
fn a_large_range_is_removed_and_the_rest_stays() {
    let mut bed = large();
    for i in 0..5000 {
        bed.run(&["zadd", "z", &(i % 100).to_string(), &format!("a rather long member:{i:05}")]);
    }
    bed.check("zremrangebyscore z (9 (90", ":4000\r\n");
    bed.check("zcard z", ":1000\r\n");
    bed.check("zcount z 0 9", ":500\r\n");
    bed.check("zcount z 10 89", ":0\r\n");
    bed.run(&["zunionstore", "d", "2", "z", "z"]);
    bed.check("zcount d 180 200", ":500\r\n");
    bed.check("zremrangebyrank z 0 -1", ":1000\r\n");
    bed.check("exists z", ":0\r\n");
    bed.run(&["del", "d"]);
    assert!(bed.shard.has_garbage(), "what is large is freed later");
    while bed.shard.free_slice(100) {}
}
