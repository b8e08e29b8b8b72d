//! The names of a simulated disk: as they are seen, as they are synced, and the changes between.
//!
//! Each change (a name put, taken away, or moved) is one step: a power loss undoes it or not, never
//! half of it. Syncing a directory makes its changes durable, and those other ones that they build
//! upon, but not the rest: a file system that commits its whole journal does more, and must not
//! be relied upon. After a power loss nothing, everything, a prefix, or any part of the unsynced
//! changes is there.

use super::parent;
use crate::disk::{ENOTDIR, ErrorKind};
use oorandom::Rand64;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Node {
    Dir,
    File(u64),
}

type Tree = BTreeMap<PathBuf, Node>;

#[derive(Clone)]
enum Change {
    Put { path: PathBuf, node: Node },
    Take { path: PathBuf },
    Move { from: PathBuf, to: PathBuf, node: Node },
}

pub(super) struct Names {
    seen: Tree,
    synced: Tree,
    changes: Vec<Change>,
}

impl Names {
    pub(super) fn new() -> Self {
        let roots: Tree = ["", "/"].map(|root| (PathBuf::from(root), Node::Dir)).into();
        Self { seen: roots.clone(), synced: roots, changes: Vec::new() }
    }

    pub(super) fn get(&self, path: &Path) -> Option<Node> {
        self.seen.get(path).copied()
    }

    /// The numbers of all files that have a name.
    pub(super) fn files(&self) -> impl Iterator<Item = u64> {
        self.seen.values().filter_map(|node| match node {
            Node::File(number) => Some(*number),
            Node::Dir => None,
        })
    }

    pub(super) fn put(&mut self, path: &Path, node: Node) -> Result<(), ErrorKind> {
        self.directory(parent(path))?;
        self.change(Change::Put { path: path.to_owned(), node });
        Ok(())
    }

    pub(super) fn create_dir(&mut self, path: &Path) -> Result<(), ErrorKind> {
        if self.get(path).is_some() {
            return Err(ErrorKind::AlreadyExists);
        }
        self.put(path, Node::Dir)
    }

    pub(super) fn remove(&mut self, path: &Path) -> Result<(), ErrorKind> {
        self.file(path)?;
        self.change(Change::Take { path: path.to_owned() });
        Ok(())
    }

    pub(super) fn rename(&mut self, from: &Path, to: &Path) -> Result<(), ErrorKind> {
        let node = self.file(from)?;
        self.directory(parent(to))?;
        if self.get(to).is_some() {
            self.file(to)?;
        }
        if from != to {
            self.change(Change::Move { from: from.to_owned(), to: to.to_owned(), node });
        }
        Ok(())
    }

    pub(super) fn list(&self, dir: &Path) -> Result<Vec<OsString>, ErrorKind> {
        self.directory(dir)?;
        let inside = self.seen.keys().filter(|path| path.as_path() != dir && parent(path) == dir);
        Ok(inside.filter_map(|path| path.file_name()).map(OsString::from).collect())
    }

    pub(super) fn sync(&mut self, dir: &Path) -> Result<(), ErrorKind> {
        self.directory(dir)?;
        let mut needed: BTreeSet<PathBuf> = BTreeSet::new();
        let mut later = Vec::new();
        let mut now = Vec::new();
        for change in std::mem::take(&mut self.changes).into_iter().rev() {
            let concerns = change.paths().any(|path| parent(path) == dir || needed.contains(path));
            if concerns {
                needed.extend(change.paths().cloned());
                now.push(change);
            } else {
                later.push(change);
            }
        }
        now.iter().rev().for_each(|change| change.apply(&mut self.synced));
        later.reverse();
        self.changes = later;
        Ok(())
    }

    pub(super) fn after_power_loss(&self, rng: &mut Rand64) -> Self {
        let all = self.changes.len() as u64;
        let mut up_to = |n: u64| rng.rand_range(0..n + 1);
        let keep: Vec<bool> = match up_to(3) {
            0 => vec![false; all as usize],
            1 => vec![true; all as usize],
            2 => {
                let prefix = up_to(all);
                (0..all).map(|i| i < prefix).collect()
            }
            _ => (0..all).map(|_| up_to(1) == 1).collect(),
        };
        let mut tree = self.synced.clone();
        for (change, _) in self.changes.iter().zip(keep).filter(|(_, keep)| *keep) {
            change.apply(&mut tree);
        }
        drop_orphans(&mut tree);
        Self { seen: tree.clone(), synced: tree, changes: Vec::new() }
    }

    fn change(&mut self, change: Change) {
        change.apply(&mut self.seen);
        self.changes.push(change);
    }

    fn directory(&self, path: &Path) -> Result<(), ErrorKind> {
        match self.get(path) {
            Some(Node::Dir) => Ok(()),
            Some(Node::File(_)) => Err(ErrorKind::Io { errno: ENOTDIR }),
            None => Err(ErrorKind::NotFound),
        }
    }

    fn file(&self, path: &Path) -> Result<Node, ErrorKind> {
        match self.get(path) {
            Some(node @ Node::File(_)) => Ok(node),
            Some(Node::Dir) => Err(ErrorKind::Io { errno: crate::disk::EISDIR }),
            None => Err(ErrorKind::NotFound),
        }
    }
}

/// What is in a directory that is not there is not there either.
fn drop_orphans(tree: &mut Tree) {
    // Parents sort before what they hold, so one pass is enough.
    let mut kept = Tree::new();
    for (path, node) in std::mem::take(tree) {
        let root = path.parent().is_none();
        if root || kept.get(parent(&path)) == Some(&Node::Dir) {
            kept.insert(path, node);
        }
    }
    *tree = kept;
}

impl Change {
    fn paths(&self) -> impl Iterator<Item = &PathBuf> {
        let (first, second) = match self {
            Self::Put { path, .. } | Self::Take { path } => (path, None),
            Self::Move { from, to, .. } => (from, Some(to)),
        };
        std::iter::once(first).chain(second)
    }

    fn apply(&self, tree: &mut Tree) {
        match self {
            Self::Put { path, node } => {
                tree.insert(path.clone(), *node);
            }
            Self::Take { path } => {
                tree.remove(path);
            }
            Self::Move { from, to, node } => {
                tree.remove(from);
                tree.insert(to.clone(), *node);
            }
        }
    }
}
