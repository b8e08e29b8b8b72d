//! INFO's sections on the data: Keyspace, a line a database, and Shards, a line a core.

use super::View;
use super::report::{CoreReport, databases};
use super::text::Text;
use crate::stats::CoreStats;

/// Databases that hold keys.
pub fn keyspace(cores: &[CoreReport], out: &mut Text) {
    for (i, db) in databases(cores).filter(|(_, db)| db.keys > 0) {
        let value = format!(
            "keys={},expires={},avg_ttl={},subexpiry={}",
            db.keys, db.expires, db.average_ttl_ms, db.field_expires
        );
        out.field(&format!("db{i}"), value);
    }
}

/// What each core holds and does. Counters since the start or the last CONFIG RESETSTAT, except for
/// `busy_percent`, the share of the last second or so that its loop worked.
pub fn shards(view: &View<'_>, out: &mut Text) {
    let facts = view.shared.facts.lock();
    for report in view.cores {
        let (Some(stats), cpu) = (view.shared.stats.get(report.core), facts.get(report.core)) else {
            continue;
        };
        let cpu = cpu.and_then(|f| f.as_ref()).map(|f| f.cpu);
        out.field(&format!("shard{}", report.core), shard_line(report, stats, cpu));
    }
}

fn shard_line(report: &CoreReport, stats: &CoreStats, cpu: Option<usize>) -> String {
    let keys: u64 = report.dbs.iter().map(|d| d.keys).sum();
    let expires: u64 = report.dbs.iter().map(|d| d.expires).sum();
    format!(
        "cpu={},keys={keys},expires={expires},clients={},ops={},hops_out={},hops_in={},forwarded_out={},\
         forwarded_in={},memory={},turns={},busy_percent={:.2},turn_max_us={}",
        cpu.map_or("none".to_owned(), |c| c.to_string()),
        stats.clients.get(),
        stats.commands_processed.get(),
        stats.hops_out.get(),
        stats.hops_in.get(),
        stats.forwarded_out.get(),
        stats.forwarded_in.get(),
        report.allocated,
        stats.turns.get(),
        stats.busy_share.get() as f64 / 100.0,
        stats.turn_nanos_max.get() / 1000,
    )
}

#[cfg(test)]
mod tests {
    use super::super::report::DbReport;
    use super::*;

    fn report() -> CoreReport {
        let db = |keys, expires| DbReport {
            keys,
            expires,
            average_ttl_ms: 500,
            field_expires: keys / 4,
            table_bytes: 1,
        };
        CoreReport { dbs: vec![db(3, 1), db(0, 0), db(4, 0)], allocated: 99, ..CoreReport::default() }
    }

    #[test]
    fn a_line_a_database_with_keys() {
        let mut out = Text::default();
        keyspace(&[report(), report()], &mut out);
        let want = "db0:keys=6,expires=2,avg_ttl=500,subexpiry=0\r\n\
                    db2:keys=8,expires=0,avg_ttl=0,subexpiry=2\r\n";
        assert_eq!(out.end(), want);
    }

    #[test]
    fn a_line_a_shard() {
        let stats = CoreStats::default();
        stats.hops_out.add(2);
        stats.busy_share.set(1234);
        stats.turn_nanos_max.set(2_500_000);
        assert_eq!(
            shard_line(&report(), &stats, Some(5)),
            "cpu=5,keys=7,expires=1,clients=0,ops=0,hops_out=2,hops_in=0,forwarded_out=0,forwarded_in=0,\
             memory=99,turns=0,busy_percent=12.34,turn_max_us=2500"
        );
        assert!(shard_line(&report(), &stats, None).starts_with("cpu=none,"));
    }
}
