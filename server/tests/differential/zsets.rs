//! The commands on sorted sets and places. Random ones only where chance has nothing to choose. Scores are
//! compared as numbers: Redis 7.0 writes 17 digits where 7.2 and Percore write the shortest text.

use crate::common::{Cmd, cmd};
use crate::generate::Generator;

const NAMES: &[&str] = &[
    "ZADD",
    "ZADD",
    "ZADD",
    "ZADD",
    "ZINCRBY",
    "ZREM",
    "ZSCORE",
    "ZMSCORE",
    "ZCARD",
    "ZRANK",
    "ZREVRANK",
    "ZCOUNT",
    "ZRANGE",
    "ZREVRANGE",
    "ZRANGEBYSCORE",
    "ZREVRANGEBYSCORE",
    "ZRANGESTORE",
    "ZREMRANGEBYRANK",
    "ZREMRANGEBYSCORE",
    "ZPOPMIN",
    "ZPOPMAX",
    "ZMPOP",
    "ZRANDMEMBER",
    "ZSCAN",
    "ZUNION",
    "ZINTER",
    "ZDIFF",
    "ZUNIONSTORE",
    "ZINTERSTORE",
    "ZDIFFSTORE",
    "ZINTERCARD",
    "LEX",
    "LEX",
    "GEO",
    "GEO",
    "THRESHOLD",
];

/// Commands on sets of equal scores, the only ones of which ranges of names are defined.
const LEX_NAMES: &[&str] =
    &["ZADD", "ZADD", "ZRANGEBYLEX", "ZREVRANGEBYLEX", "ZLEXCOUNT", "ZREMRANGEBYLEX", "ZRANGE"];

const GEO_NAMES: &[&str] = &[
    "GEOADD",
    "GEOADD",
    "GEOPOS",
    "GEOHASH",
    "GEODIST",
    "GEOSEARCH",
    "GEOSEARCHSTORE",
    "GEORADIUS",
    "GEORADIUSBYMEMBER",
    "GEORADIUS_RO",
    "GEORADIUSBYMEMBER_RO",
];

impl Generator {
    pub fn zset_command(&mut self) -> Vec<Cmd> {
        let name = *self.rng.pick(NAMES);
        let mut command = vec![self.cased(name)];
        match name {
            "ZADD" => self.zadd(&mut command),
            "ZINCRBY" => command.extend([self.zset_key(), self.zset_score(), self.zset_member()]),
            "ZREM" | "ZMSCORE" => {
                command.push(self.zset_key());
                let members = 1 + self.rng.below(5);
                command.extend((0..members).map(|_| self.zset_member()));
            }
            "ZSCORE" | "ZRANK" | "ZREVRANK" => command.extend([self.zset_key(), self.zset_member()]),
            "ZCOUNT" | "ZREMRANGEBYSCORE" => {
                command.extend([self.zset_key(), self.zset_bound(), self.zset_bound()]);
            }
            "ZREMRANGEBYRANK" => {
                let start = self.small();
                let stop = if self.rng.one_in(4) { self.small() } else { start.clone() };
                command.extend([self.zset_key(), start, stop]);
            }
            "ZRANGE" | "ZREVRANGE" | "ZRANGEBYSCORE" | "ZREVRANGEBYSCORE" => {
                command.push(self.zset_key());
                self.zset_range(&mut command, name);
            }
            "ZRANGESTORE" => {
                let tag = self.rng.below(3);
                command.extend([self.zset_tagged(tag), self.zset_tagged(tag)]);
                self.zset_range(&mut command, name);
            }
            "ZPOPMIN" | "ZPOPMAX" => {
                command.push(self.zset_key());
                if self.rng.one_in(2) {
                    command.push(self.zset_number());
                }
            }
            "ZMPOP" => self.zmpop(&mut command),
            // All of them, or none.
            "ZRANDMEMBER" => {
                let count = *self.rng.pick(&["1000", "1000", "0", "x", "-9223372036854775808", "1.5"]);
                command.extend([self.zset_key(), count.into()]);
            }
            "ZSCAN" => {
                command.extend([self.zset_key(), b"0".to_vec(), b"COUNT".to_vec()]);
                // All in one call: cursors are the server's own.
                command.push((*self.rng.pick(&["100000", "100000", "100000", "0", "-1", "x"])).into());
            }
            "LEX" => return vec![self.lex_command()],
            "GEO" => return vec![self.geo_command()],
            "THRESHOLD" => {
                let what = *self.rng.pick(&["entries", "value"]);
                let most = *self.rng.pick(&["0", "4", "20", "128"]);
                command = cmd(&["CONFIG", "SET", &format!("zset-max-listpack-{what}"), most]);
            }
            _ => self.zset_combination(&mut command, name),
        }
        vec![command]
    }

    pub fn zset_key(&mut self) -> Vec<u8> {
        if self.rng.one_in(6) {
            return self.key();
        }
        let tag = self.rng.below(3);
        self.zset_tagged(tag)
    }

    /// A key among few of one slot.
    fn zset_tagged(&mut self, tag: usize) -> Vec<u8> {
        format!("{{tag{tag}}}:z{}", self.rng.below(6)).into_bytes()
    }

    /// A member: few, so that they meet, of the lengths at which something changes.
    fn zset_member(&mut self) -> Vec<u8> {
        match self.rng.below(20) {
            0..=9 => self.rng.range(-5, 30).to_string().into_bytes(),
            10..=16 => format!("m{}", self.rng.below(20)).into_bytes(),
            17 => vec![b'm'; *self.rng.pick(&[0, 1, 23, 24, 25, 63, 64, 65, 300])],
            18 => self.rng.bytes(6),
            _ => self.integer(),
        }
    }

    fn zset_score(&mut self) -> Vec<u8> {
        match self.rng.below(20) {
            0..=11 => self.rng.range(-10, 20).to_string().into_bytes(),
            12..=15 => format!("{}.5", self.rng.range(-10, 20)).into_bytes(),
            16..=18 => (*self.rng.pick(&["inf", "-inf", "+inf", "1e3", "0x1p3", "3.25e-3"])).into(),
            _ => self.float(),
        }
    }

    fn zset_bound(&mut self) -> Vec<u8> {
        let score = match self.rng.below(6) {
            0 => b"-inf".to_vec(),
            1 => b"+inf".to_vec(),
            _ => self.zset_score(),
        };
        if self.rng.one_in(4) { [b"(", &score[..]].concat() } else { score }
    }

    /// A small number, or none.
    fn zset_number(&mut self) -> Vec<u8> {
        (*self.rng.pick(&["0", "1", "2", "3", "1000", "-1", "x", ""])).into()
    }

    fn zadd(&mut self, command: &mut Cmd) {
        command.push(self.zset_key());
        for option in ["NX", "XX", "GT", "LT", "CH", "INCR"] {
            if self.rng.one_in(10) {
                command.push(self.cased(option));
            }
        }
        let pairs = if self.rng.one_in(12) { 60 } else { 1 + self.rng.below(4) };
        for _ in 0..pairs {
            // In a long list one bad score would waste all.
            let whole = self.rng.range(-10, 20).to_string().into_bytes();
            command.push(if pairs > 10 { whole } else { self.zset_score() });
            command.push(self.zset_member());
        }
    }

    fn zset_range(&mut self, command: &mut Cmd, name: &str) {
        let by_score = name.contains("SCORE") || !name.contains("REV") && self.rng.one_in(3);
        if by_score {
            command.extend([self.zset_bound(), self.zset_bound()]);
        } else {
            command.extend([self.small(), self.small()]);
        }
        if by_score && !name.contains("SCORE") {
            command.push(self.cased("BYSCORE"));
        }
        let chances = [
            ("REV", !name.contains("REV") && !name.contains("SCORE") && self.rng.one_in(3)),
            ("WITHSCORES", name != "ZRANGESTORE" && self.rng.one_in(2)),
            ("LIMIT", self.rng.one_in(if by_score { 3 } else { 20 })),
        ];
        for (option, _) in chances.into_iter().filter(|(_, chosen)| *chosen) {
            command.push(self.cased(option));
            if option == "LIMIT" {
                let offset = (*self.rng.pick(&["0", "1", "2", "5", "100"])).into();
                command.extend([offset, self.zset_number()]);
            }
        }
    }

    pub fn zmpop(&mut self, command: &mut Cmd) {
        let (tag, keys) = (self.rng.below(3), 1 + self.rng.below(3));
        command.push(keys.to_string().into_bytes());
        command.extend((0..keys).map(|_| self.zset_tagged(tag)));
        let end = *self.rng.pick(&["MIN", "MAX", "MIN", "MAX", "mid"]);
        command.push(end.into());
        if self.rng.one_in(2) {
            command.extend([self.cased("COUNT"), self.zset_number()]);
        }
    }

    fn zset_combination(&mut self, command: &mut Cmd, name: &str) {
        let (tag, keys) = (self.rng.below(3), 1 + self.rng.below(4));
        if name.ends_with("STORE") {
            command.push(self.zset_tagged(tag));
        }
        let said = if self.rng.one_in(12) { self.zset_number() } else { keys.to_string().into_bytes() };
        command.push(said);
        command.extend((0..keys).map(|_| self.zset_tagged(tag)));
        if self.rng.one_in(3) && name != "ZINTERCARD" {
            command.push(self.cased("WEIGHTS"));
            command.extend((0..keys).map(|_| self.zset_score()));
        }
        if self.rng.one_in(3) && name != "ZINTERCARD" {
            command.extend([self.cased("AGGREGATE"), (*self.rng.pick(&["SUM", "min", "MAX", "avg"])).into()]);
        }
        if self.rng.one_in(2) && name == "ZINTERCARD" {
            command.extend([self.cased("LIMIT"), self.zset_number()]);
        } else if self.rng.one_in(2) {
            command.push(self.cased("WITHSCORES"));
        }
    }

    fn lex_command(&mut self) -> Cmd {
        let name = *self.rng.pick(LEX_NAMES);
        let key = format!("lex:{}", self.rng.below(4)).into_bytes();
        let mut command = vec![self.cased(name), key];
        if name == "ZADD" {
            let members = 1 + self.rng.below(8);
            command.extend((0..members).flat_map(|_| [b"0".to_vec(), self.lex_name()]));
            return command;
        }
        command.extend([self.lex_bound(), self.lex_bound()]);
        if name == "ZRANGE" {
            command.push(self.cased("BYLEX"));
        }
        if name.contains("RANGE") && !name.contains("REM") && self.rng.one_in(3) {
            let offset = (*self.rng.pick(&["0", "1", "3", "100"])).into();
            command.extend([self.cased("LIMIT"), offset, self.zset_number()]);
        }
        command
    }

    fn lex_name(&mut self) -> Vec<u8> {
        let len = self.rng.below(4);
        (0..len).map(|_| *self.rng.pick(b"ab1")).collect()
    }

    fn lex_bound(&mut self) -> Vec<u8> {
        match self.rng.below(12) {
            0..=1 => b"-".to_vec(),
            2..=3 => b"+".to_vec(),
            4..=7 => [b"[", &self.lex_name()[..]].concat(),
            8..=10 => [b"(", &self.lex_name()[..]].concat(),
            _ => self.lex_name(),
        }
    }

    fn geo_command(&mut self) -> Cmd {
        let name = *self.rng.pick(GEO_NAMES);
        let mut command = vec![self.cased(name)];
        match name {
            "GEOADD" => {
                command.push(self.geo_key());
                for _ in 0..1 + self.rng.below(4) {
                    let [longitude, latitude] = self.geo_point();
                    command.extend([longitude, latitude, self.geo_member()]);
                }
            }
            "GEOPOS" | "GEOHASH" => command.extend([self.geo_key(), self.geo_member(), self.geo_member()]),
            "GEODIST" => {
                command.extend([self.geo_key(), self.geo_member(), self.geo_member(), self.geo_unit()]);
            }
            "GEORADIUS" | "GEORADIUS_RO" => {
                command.push(self.geo_key());
                command.extend(self.geo_point());
                command.extend([self.geo_length(), self.geo_unit()]);
                self.geo_options(&mut command, true);
            }
            "GEORADIUSBYMEMBER" | "GEORADIUSBYMEMBER_RO" => {
                command.extend([self.geo_key(), self.geo_member(), self.geo_length(), self.geo_unit()]);
                self.geo_options(&mut command, true);
            }
            _ => {
                if name == "GEOSEARCHSTORE" {
                    command.push(self.geo_key());
                }
                command.push(self.geo_key());
                self.geo_search(&mut command);
                self.geo_options(&mut command, name == "GEOSEARCH");
            }
        }
        command
    }

    fn geo_search(&mut self, command: &mut Cmd) {
        if self.rng.one_in(2) {
            command.extend([self.cased("FROMMEMBER"), self.geo_member()]);
        } else {
            command.push(self.cased("FROMLONLAT"));
            command.extend(self.geo_point());
        }
        if self.rng.one_in(2) {
            command.extend([self.cased("BYRADIUS"), self.geo_length()]);
        } else {
            command.extend([self.cased("BYBOX"), self.geo_length(), self.geo_length()]);
        }
        command.push(self.geo_unit());
    }

    /// ASC or DESC always: the order of what is not sorted, and what COUNT leaves of equal distances, is open.
    fn geo_options(&mut self, command: &mut Cmd, replies: bool) {
        let order = *self.rng.pick(&["ASC", "DESC"]);
        command.push(self.cased(order));
        let extra = *self.rng.pick(&["WITHDIST", "WITHCOORD", "WITHHASH"]);
        if replies && self.rng.one_in(2) {
            command.push(self.cased(extra));
        }
    }

    fn geo_key(&mut self) -> Vec<u8> {
        format!("{{geo}}:{}", self.rng.below(3)).into_bytes()
    }

    fn geo_member(&mut self) -> Vec<u8> {
        format!("p{}", self.rng.below(30)).into_bytes()
    }

    /// Places all over, no two of them equally far from a third.
    fn geo_point(&mut self) -> [Vec<u8>; 2] {
        let mut degrees =
            |max: i64| format!("{}.{:04}", self.rng.range(-max, max), self.rng.below(10_000)).into_bytes();
        [degrees(179), degrees(80)]
    }

    fn geo_length(&mut self) -> Vec<u8> {
        (*self.rng.pick(&["0", "1", "50", "500", "2000", "8000", "20000", "-1", "x"])).into()
    }

    fn geo_unit(&mut self) -> Vec<u8> {
        (*self.rng.pick(&["km", "km", "KM", "mi", "m", "ft", "yd"])).into()
    }
}
