//! A file read and written again, by the code that a server loads and saves with: as several shards would.

use persist::rdb::file::{
    Body, Feed, FileVisitor, Fragment, Head, Merged, Options, Record, Refused, Rules, Unread, merge, read,
};
use persist::rdb::{Error, Target};
use shard::value::rdb::{Loader, Saver};
use shard::{Db, Key, Settings};
use std::collections::BTreeMap;

const SEED: u64 = 11;
const NOW_MS: i64 = 1_700_000_000_000;

/// What several shards hold: which one, which database.
pub struct Loaded {
    settings: Settings,
    shards: u64,
    dbs: BTreeMap<(u64, u64), Db>,
    functions: Vec<Vec<u8>>,
}

impl FileVisitor for Loaded {
    fn function(&mut self, source: &[u8]) -> Result<(), Refused> {
        self.functions.push(source.to_vec());
        Ok(())
    }

    fn key(&mut self, record: &Record<'_>, value: Unread<'_, '_>) -> Result<(), Error> {
        let loaded = Loader { settings: &self.settings, seed: SEED }.record(record, value, NOW_MS)?;
        let key = Key::new(record.key, SEED);
        let shard = key.hash % self.shards;
        self.dbs.entry((shard, record.db)).or_default().insert(&key, loaded);
        Ok(())
    }
}

/// Loads a file into so many shards.
pub fn load(bytes: &[u8], shards: u64) -> Loaded {
    let (settings, dbs, functions) = (Settings::default(), BTreeMap::new(), Vec::new());
    let mut loaded = Loaded { settings, shards, dbs, functions };
    let mut blocks = bytes;
    let mut feed = Feed::new(&mut blocks, 0..bytes.len() as u64);
    let summary = read(&mut feed, Rules::default(), &mut loaded).expect("a whole file");
    assert!(summary.keys > 0);
    loaded
}

/// One shard's part of a file, in blocks of some kilobytes.
fn fragment(loaded: &Loaded, shard: u64, target: Target) -> (Vec<u8>, Fragment) {
    let saver = Saver { settings: &loaded.settings, target, now_ms: NOW_MS };
    let mut body = Body::new(Options { part_bytes: 50_000, ..Options::default() });
    let (mut bytes, mut block) = (Vec::new(), Vec::new());
    for ((_, db), keys) in loaded.dbs.range((shard, 0)..(shard + 1, 0)) {
        let mut cursor = 0;
        loop {
            cursor = keys.scan(cursor, &mut |entry| {
                saver.save(&mut body, *db, entry);
            });
            if body.waiting() > 4096 {
                body.take(&mut block);
                bytes.extend_from_slice(&block);
            }
            if cursor == 0 {
                break;
            }
        }
    }
    let facts = body.finish(&mut block);
    bytes.extend_from_slice(&block);
    (bytes, facts)
}

/// The file that these shards would save.
pub fn save(loaded: &Loaded, target: Target) -> Vec<u8> {
    let fragments: Vec<_> = (0..loaded.shards).map(|shard| fragment(loaded, shard, target)).collect();
    let facts: Vec<_> = fragments.iter().map(|(_, facts)| facts.clone()).collect();
    let mut about = Head::new(target, "7.2.4", NOW_MS / 1000, 1 << 20, false);
    about.functions.clone_from(&loaded.functions);
    let Merged { mut head, placed, tail, len, .. } = merge(&about, &facts);
    placed.iter().for_each(|placed| head.extend_from_slice(&fragments[placed.fragment].0));
    head.extend_from_slice(&tail);
    assert_eq!(head.len() as u64, len);
    head
}
