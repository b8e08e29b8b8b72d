//! A visitor that makes nothing of a value: it is read to its end, and the packed forms are checked as always.

use super::items::{Fields, Members, Nodes, Scored};
use super::source::Error;
use super::stream::StreamParts;
use super::value::Visitor;
use crate::listpack::Element;

/// Passes over values.
pub struct Skim;

impl Visitor for Skim {
    type Value = ();

    fn string(&mut self, _text: Element<'_>) {}

    fn list(&mut self, nodes: &mut Nodes<'_, '_>) -> Result<(), Error> {
        while nodes.pull()?.is_some() {}
        Ok(())
    }

    fn set_intset(&mut self, _bytes: Vec<u8>) {}

    fn set_listpack(&mut self, _bytes: Vec<u8>) {}

    fn set(&mut self, members: &mut Members<'_, '_>) -> Result<(), Error> {
        while members.pull()?.is_some() {}
        Ok(())
    }

    fn hash_listpack(&mut self, _bytes: Vec<u8>, _timed: bool) {}

    fn hash(&mut self, fields: &mut Fields<'_, '_>) -> Result<(), Error> {
        while fields.pull()?.is_some() {}
        Ok(())
    }

    fn zset_listpack(&mut self, _bytes: Vec<u8>) {}

    fn zset(&mut self, members: &mut Scored<'_, '_>) -> Result<(), Error> {
        while members.pull()?.is_some() {}
        Ok(())
    }

    fn stream(&mut self, parts: &mut StreamParts<'_, '_>) -> Result<(), Error> {
        while parts.node()?.is_some() {}
        parts.facts()?;
        while parts.group()?.is_some() {
            while parts.pending()?.is_some() {}
            while parts.consumer()?.is_some() {
                while parts.owned()?.is_some() {}
            }
        }
        Ok(())
    }
}
