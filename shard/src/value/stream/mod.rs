//! Streams.

use super::{Collection, Object};
use crate::db::{Encoding, Kind};
use crate::event::Class;

/// A stream.
#[derive(Clone, Debug)]
pub enum Stream {
    /// A listpack.
    Packed(Vec<u8>),
}

/// A stream, to be read.
#[derive(Clone, Copy, Debug)]
pub enum StreamView<'a> {
    Packed(&'a [u8]),
}

impl Default for Stream {
    fn default() -> Self {
        Self::Packed(Vec::new())
    }
}

impl Stream {
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

impl Collection for Stream {
    const KIND: Kind = Kind::Stream;
    const CLASS: Class = Class::STREAM;
    type View<'a> = StreamView<'a>;

    fn view_packed(bytes: &[u8], _flag: bool) -> StreamView<'_> {
        StreamView::Packed(bytes)
    }

    fn view(&self) -> StreamView<'_> {
        let Self::Packed(bytes) = self;
        StreamView::Packed(bytes)
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
        if let Object::Stream(it) = object { Some(it) } else { None }
    }

    fn of_mut(object: &mut Object) -> Option<&mut Self> {
        if let Object::Stream(it) = object { Some(it) } else { None }
    }

    fn into_object(self) -> Object {
        Object::Stream(self)
    }
}
