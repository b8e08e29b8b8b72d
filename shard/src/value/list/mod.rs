//! Lists.

use super::{Collection, Object};
use crate::db::{Encoding, Kind};
use crate::event::Class;

/// A list.
#[derive(Clone, Debug)]
pub enum List {
    /// A listpack.
    Packed(Vec<u8>),
}

/// A list, to be read.
#[derive(Clone, Copy, Debug)]
pub enum ListView<'a> {
    Packed(&'a [u8]),
}

impl Default for List {
    fn default() -> Self {
        Self::Packed(Vec::new())
    }
}

impl List {
    #[must_use]
    pub fn encoding(&self) -> Encoding {
        Encoding::Listpack
    }

    #[must_use]
    pub fn memory(&self, _samples: usize) -> usize {
        let Self::Packed(bytes) = self;
        bytes.capacity()
    }

    #[must_use]
    pub fn weight(&self) -> usize {
        1
    }

    pub fn free_slice(&mut self, _budget: usize) -> bool {
        true
    }
}

impl Collection for List {
    const KIND: Kind = Kind::List;
    const CLASS: Class = Class::LIST;
    type View<'a> = ListView<'a>;

    fn view_packed(bytes: &[u8], _flag: bool) -> ListView<'_> {
        ListView::Packed(bytes)
    }

    fn view(&self) -> ListView<'_> {
        let Self::Packed(bytes) = self;
        ListView::Packed(bytes)
    }

    fn from_packed(bytes: Vec<u8>, _flag: bool) -> Self {
        Self::Packed(bytes)
    }

    fn take_packed(&mut self) -> Option<(Vec<u8>, bool)> {
        let Self::Packed(bytes) = self;
        Some((std::mem::take(bytes), false))
    }

    fn is_empty(&self) -> bool {
        let Self::Packed(bytes) = self;
        bytes.is_empty()
    }

    fn of(object: &Object) -> Option<&Self> {
        if let Object::List(it) = object { Some(it) } else { None }
    }

    fn of_mut(object: &mut Object) -> Option<&mut Self> {
        if let Object::List(it) = object { Some(it) } else { None }
    }

    fn into_object(self) -> Object {
        Object::List(self)
    }
}
