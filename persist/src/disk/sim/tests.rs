//! What each fault and each way of losing power looks like.

use crate::disk::{Access, Disk, ErrorKind, FileId, SimDisk};
use std::collections::BTreeSet;
use std::path::Path;

const FILE: &str = "f";
const SEEDS: u64 = 300;

fn p(path: &str) -> &Path {
    Path::new(path)
}

/// A disk with a durable, empty file, open.
fn with_file() -> (SimDisk, FileId) {
    let mut disk = SimDisk::new(1);
    let file = disk.open(p(FILE), Access::New).unwrap();
    disk.sync_data(file).unwrap();
    disk.sync_dir(p("")).unwrap();
    (disk, file)
}

/// Everything that a power loss now may leave of the file.
fn outcomes(disk: &SimDisk) -> BTreeSet<Vec<u8>> {
    (0..SEEDS).map(|seed| disk.after_power_loss(seed).read(p(FILE)).unwrap()).collect()
}

#[test]
fn what_is_written_is_read_back() {
    let (mut disk, file) = with_file();
    disk.write_at(file, 3, b"def").unwrap();
    assert_eq!(disk.append(file, b"gh"), Ok(6));
    assert_eq!(disk.read(p(FILE)).unwrap(), b"\0\0\0defgh");
    assert_eq!(disk.read_at(file, 4, 2).unwrap(), b"ef");
    assert_eq!(disk.read_at(file, 6, 100).unwrap(), b"gh");
    assert_eq!(disk.read_at(file, 600, 1).unwrap(), b"");
    disk.truncate(file, 4).unwrap();
    disk.truncate(file, 6).unwrap();
    assert_eq!(disk.read(p(FILE)).unwrap(), b"\0\0\0d\0\0");
    assert_eq!(disk.size(file), Ok(6));
    disk.close(file).unwrap();
    assert_eq!(disk.size(file).unwrap_err().kind, ErrorKind::Io { errno: 9 });
    assert_eq!(disk.open(p(FILE), Access::New).unwrap_err().kind, ErrorKind::AlreadyExists);
    let file = disk.open(p(FILE), Access::Replace).unwrap();
    assert_eq!(disk.size(file), Ok(0));
}

#[test]
fn synced_bytes_survive_every_power_loss() {
    let (mut disk, file) = with_file();
    for i in 0..5u8 {
        disk.append(file, &[i; 700]).unwrap();
    }
    disk.sync_data(file).unwrap();
    let all = disk.read(p(FILE)).unwrap();
    assert_eq!(outcomes(&disk), BTreeSet::from([all.clone()]));
    disk.append(file, b"not synced").unwrap();
    assert!(outcomes(&disk).iter().all(|left| left.starts_with(&all)));
}

#[test]
fn a_durable_write_survives_and_saves_no_other() {
    let (mut disk, file) = with_file();
    disk.write_at(file, 0, &[1; 600]).unwrap();
    disk.write_durable_at(file, 600, &[2; 600]).unwrap();
    disk.write_at(file, 1200, &[3; 600]).unwrap();
    let all = disk.read(p(FILE)).unwrap();
    assert_eq!(all, [[1; 600], [2; 600], [3; 600]].concat());
    let left = outcomes(&disk);
    assert!(left.iter().all(|bytes| bytes.len() >= 1200 && bytes[600..1200] == [2; 600]));
    assert!(left.contains(&all) && left.contains(&[[0; 600], [2; 600]].concat()));
    disk.sync_data(file).unwrap();
    assert_eq!(outcomes(&disk), BTreeSet::from([all]));
}

#[test]
fn what_came_before_a_durable_write_cannot_undo_it() {
    let (mut disk, file) = with_file();
    disk.write_at(file, 0, &[1; 900]).unwrap();
    disk.truncate(file, 100).unwrap();
    disk.write_durable_at(file, 50, &[2; 900]).unwrap();
    assert!(outcomes(&disk).iter().all(|bytes| bytes.len() == 950 && bytes[50..] == [2; 900]));
    disk.write_at(file, 500, &[3; 10]).unwrap();
    disk.write_durable_at(file, 505, &[4; 1]).unwrap();
    assert!(outcomes(&disk).iter().all(|bytes| bytes[505] == 4));
}

#[test]
fn a_durable_write_that_fails_promises_nothing() {
    let (mut disk, file) = with_file();
    disk.fail_call(disk.calls(), ErrorKind::Io { errno: 5 });
    disk.write_durable_at(file, 0, &[1; 2000]).unwrap_err();
    assert_eq!(disk.read(p(FILE)).unwrap(), [1; 2000], "it may be read back");
    disk.sync_data(file).unwrap();
    assert_eq!(outcomes(&disk).len(), 1, "what is there now is all that there will be");
    disk.set_capacity(Some(2500));
    assert_eq!(disk.write_durable_at(file, 2000, &[1; 900]).unwrap_err().kind, ErrorKind::NoSpace);
    disk.cut_power_at(disk.calls());
    disk.write_durable_at(file, 0, &[9; 2000]).unwrap_err();
    assert!(outcomes(&disk).len() > 1, "it may have reached the disk, in part, or not");
}

#[test]
fn unsynced_writes_are_dropped_kept_torn_or_reordered() {
    let (mut disk, file) = with_file();
    disk.write_at(file, 0, &[b'-'; 2048]).unwrap();
    disk.sync_data(file).unwrap();
    disk.write_at(file, 0, &[b'a'; 1024]).unwrap();
    disk.write_at(file, 1024, &[b'b'; 1024]).unwrap();
    let sectors = |s: &str| -> Vec<u8> { s.bytes().flat_map(|b| [b; 512]).collect() };
    let outcomes = outcomes(&disk);
    for (what, left) in [
        ("dropped", "----"),
        ("kept", "aabb"),
        ("only the first", "aa--"),
        ("torn", "a---"),
        ("torn the other way", "-abb"),
        ("reordered", "--bb"),
    ] {
        assert!(outcomes.contains(&sectors(left)), "{what} never happens");
    }
    for left in &outcomes {
        for (sector, chunk) in left.chunks(512).enumerate() {
            assert!(chunk.iter().all(|b| *b == chunk[0]), "torn inside sector {sector}");
        }
    }
}

#[test]
fn an_unsynced_append_may_leave_a_length_without_its_bytes() {
    let (mut disk, file) = with_file();
    disk.append(file, &[b'a'; 600]).unwrap();
    let outcomes = outcomes(&disk);
    for left in [vec![], vec![b'a'; 600], vec![0; 600], [[b'a'; 512].as_slice(), &[0; 88]].concat()] {
        assert!(outcomes.contains(&left), "{} bytes, {:?} first", left.len(), left.first());
    }
}

#[test]
fn a_name_is_durable_only_with_its_directory() {
    let exists = |disk: &SimDisk, name: &str| -> BTreeSet<bool> {
        (0..SEEDS).map(|s| disk.after_power_loss(s).read(p(name)).is_ok()).collect()
    };
    let (mut disk, file) = with_file();
    disk.rename(p(FILE), p("g")).unwrap();
    disk.sync_data(file).unwrap();
    for seed in 0..SEEDS {
        let mut left = disk.after_power_loss(seed);
        let names = left.list(p("")).unwrap();
        assert!(names == ["f"] || names == ["g"], "a rename is undone or not, never half: {names:?}");
    }
    assert_eq!(exists(&disk, "g"), BTreeSet::from([false, true]));
    disk.sync_dir(p("")).unwrap();
    assert_eq!(exists(&disk, "g"), BTreeSet::from([true]));
    disk.remove(p("g")).unwrap();
    assert_eq!(exists(&disk, "g"), BTreeSet::from([false, true]));
    disk.sync_dir(p("")).unwrap();
    assert_eq!(exists(&disk, "g"), BTreeSet::from([false]));
}

#[test]
fn a_lost_directory_takes_its_files_along() {
    let mut disk = SimDisk::new(1);
    disk.create_dir(p("d")).unwrap();
    let file = disk.open(p("d/f"), Access::New).unwrap();
    disk.append(file, b"x").unwrap();
    disk.sync_data(file).unwrap();
    disk.sync_dir(p("d")).unwrap();
    let found: BTreeSet<bool> = (0..SEEDS)
        .map(|seed| {
            let mut left = disk.after_power_loss(seed);
            let dir = left.list(p("d")).is_ok();
            assert_eq!(left.read(p("d/f")).is_ok(), dir);
            dir
        })
        .collect();
    assert_eq!(found, BTreeSet::from([false, true]), "the parent was not synced");
    disk.sync_dir(p("")).unwrap();
    assert_eq!(disk.after_power_loss(0).read(p("d/f")).unwrap(), b"x");
}

#[test]
fn a_move_between_directories_is_one_step() {
    let mut disk = SimDisk::new(1);
    for dir in ["a", "b"] {
        disk.create_dir(p(dir)).unwrap();
    }
    disk.sync_dir(p("")).unwrap();
    disk.open(p("a/f"), Access::New).unwrap();
    disk.rename(p("a/f"), p("b/f")).unwrap();
    disk.sync_dir(p("b")).unwrap();
    for seed in 0..SEEDS {
        let mut left = disk.after_power_loss(seed);
        assert_eq!((left.list(p("a")).unwrap().len(), left.list(p("b")).unwrap().len()), (0, 1));
    }
}

#[test]
fn a_failed_sync_loses_bytes_though_the_next_one_succeeds() {
    let (mut disk, file) = with_file();
    disk.append(file, &[b'a'; 512]).unwrap();
    disk.fail_call(disk.calls(), ErrorKind::Io { errno: 5 });
    let error = disk.sync_data(file).unwrap_err();
    assert_eq!((error.action, error.path.as_path()), ("sync", p(FILE)));
    assert_eq!(error.to_string(), "sync f: Input/output error (os error 5)");
    disk.sync_data(file).unwrap();
    assert_eq!(disk.read(p(FILE)).unwrap(), [b'a'; 512], "the cache still has them");
    let lost = |seed: u64| {
        let mut disk = SimDisk::new(seed);
        let file = disk.open(p(FILE), Access::New).unwrap();
        disk.sync_dir(p("")).unwrap();
        disk.append(file, &[b'a'; 512]).unwrap();
        disk.fail_call(disk.calls(), ErrorKind::Io { errno: 5 });
        disk.sync_data(file).unwrap_err();
        disk.append(file, &[b'b'; 512]).unwrap();
        disk.sync_data(file).unwrap();
        let left = disk.after_power_loss(0).read(p(FILE)).unwrap();
        assert_eq!(left[512..], [b'b'; 512], "what came after the failure is synced");
        left[..512] != [b'a'; 512]
    };
    assert_eq!((0..50).map(lost).collect::<BTreeSet<bool>>(), BTreeSet::from([false, true]));
}

#[test]
fn the_kth_call_fails_and_a_failed_write_may_leave_a_part() {
    let parts: BTreeSet<usize> = (0..200)
        .map(|seed| {
            let mut disk = SimDisk::new(seed);
            let file = disk.open(p(FILE), Access::New).unwrap();
            disk.fail_call(2, ErrorKind::NoSpace);
            disk.append(file, b"0123").unwrap();
            let error = disk.write_at(file, 4, b"456").unwrap_err();
            assert_eq!((error.kind, error.offset), (ErrorKind::NoSpace, Some(4)));
            let left = disk.read(p(FILE)).unwrap();
            assert!(b"0123456".starts_with(&left));
            left.len() - 4
        })
        .collect();
    assert_eq!(parts, BTreeSet::from([0, 1, 2, 3]));
}

#[test]
fn a_full_disk_takes_what_fits_and_a_removal_makes_room() {
    let (mut disk, file) = with_file();
    disk.set_capacity(Some(1000));
    disk.append(file, &[1; 800]).unwrap();
    let other = disk.open(p("g"), Access::New).unwrap();
    assert_eq!(disk.append(other, &[2; 800]).unwrap_err().kind, ErrorKind::NoSpace);
    assert_eq!(disk.size(other), Ok(200));
    disk.write_at(file, 0, &[3; 800]).unwrap();
    disk.remove(p(FILE)).unwrap();
    assert_eq!(disk.append(other, &[2; 1]).unwrap_err().kind, ErrorKind::NoSpace, "still open");
    disk.close(file).unwrap();
    assert_eq!(disk.append(other, &[2; 800]), Ok(200));
}

#[test]
fn a_read_only_disk_reads() {
    let (mut disk, file) = with_file();
    disk.append(file, b"x").unwrap();
    disk.set_read_only(true);
    assert_eq!(disk.append(file, b"y").unwrap_err().kind, ErrorKind::ReadOnly);
    assert_eq!(disk.open(p("g"), Access::Write).unwrap_err().kind, ErrorKind::ReadOnly);
    assert_eq!(disk.rename(p(FILE), p("g")).unwrap_err().kind, ErrorKind::ReadOnly);
    assert_eq!(disk.read(p(FILE)).unwrap(), b"x");
}

#[test]
fn errors_are_those_of_a_file_system() {
    let (mut disk, file) = with_file();
    disk.create_dir(p("d")).unwrap();
    let kinds = [
        disk.open(p("none"), Access::Read).unwrap_err().kind,
        disk.open(p("none/f"), Access::New).unwrap_err().kind,
        disk.open(p("f/f"), Access::New).unwrap_err().kind,
        disk.open(p("d"), Access::Read).unwrap_err().kind,
        disk.create_dir(p("d")).unwrap_err().kind,
        disk.remove(p("none")).unwrap_err().kind,
        disk.rename(p("none"), p("g")).unwrap_err().kind,
        disk.list(p("none")).unwrap_err().kind,
    ];
    let (not_dir, is_dir) = (ErrorKind::Io { errno: 20 }, ErrorKind::Io { errno: 21 });
    use ErrorKind::{AlreadyExists, NotFound};
    let expected = [NotFound, NotFound, not_dir, is_dir, AlreadyExists, NotFound, NotFound, NotFound];
    assert_eq!(kinds, expected);
    let reader = disk.open(p(FILE), Access::Read).unwrap();
    assert_eq!(disk.append(reader, b"x").unwrap_err().kind, ErrorKind::Io { errno: 9 });
    disk.append(file, b"x").unwrap();
    assert_eq!(disk.list(p("")).unwrap(), ["d", "f"]);
}

#[test]
fn without_power_nothing_works_and_no_sync_completes() {
    let (mut disk, file) = with_file();
    disk.cut_power_at(disk.calls() + 1);
    disk.append(file, &[b'a'; 512]).unwrap();
    assert!(disk.sync_data(file).is_err());
    assert!(disk.append(file, b"b").is_err());
    assert!(outcomes(&disk).contains(&vec![]), "the sync did not happen");
    assert!(outcomes(&disk).iter().all(|left| left.len() <= 512), "nor did the later write");
}

#[test]
fn one_seed_leaves_one_state() {
    let (mut disk, file) = with_file();
    for i in 0..20u8 {
        disk.write_at(file, u64::from(i) * 300, &[i; 900]).unwrap();
    }
    for seed in 0..20 {
        let left = |disk: &SimDisk| disk.after_power_loss(seed).read(p(FILE)).unwrap();
        assert_eq!(left(&disk), left(&disk));
    }
    assert!(outcomes(&disk).len() > 50);
}
