//! What a mailbox is made of, as a parameter: the lock, the flags, the fence.
//!
//! The server uses [`Real`] and no other: parking_lot's mutex and the processor's atomics. All of it is inlined and
//! decided when it is compiled, so the parameter costs nothing. The models (`models.rs`) put loom's in their place,
//! which is how the very code that the server runs is tried in every interleaving and every order that
//! weak memory allows; no `--cfg loom` is needed, and so the models are ordinary tests. (A `cfg` would exchange the
//! primitives of every other test in the same build, and these do not run under loom.)
//!
//! The constants are the models' canaries: each takes one step of the protocol away, and the model that is
//! there for this step must then fail. In [`Real`] all of them are true, and the branches are gone.

use parking_lot::{Mutex, MutexGuard};
use std::ops::DerefMut;
use std::sync::atomic::{AtomicBool, Ordering, fence};

/// One set of primitives.
pub trait Primitives: 'static {
    type Flag: Flag;
    type Lock<T: Default>: Lock<T>;

    /// A core that is about to sleep looks at its mailbox again after it has said so.
    const LOOKS_AGAIN: bool = true;
    /// A multicast holds the locks of all its targets at once.
    const LOCKS_ALL: bool = true;
    /// A core that is told to stop ends only when its mailbox is empty.
    const EMPTIES_AT_STOP: bool = true;

    /// A sequentially consistent fence.
    fn fence();
}

/// A flag that several cores read and write.
pub trait Flag: Default {
    fn load(&self, order: Ordering) -> bool;
    fn store(&self, value: bool, order: Ordering);
    fn swap(&self, value: bool, order: Ordering) -> bool;
}

/// A lock around what lies in a mailbox.
pub trait Lock<T>: Default {
    type Guard<'a>: DerefMut<Target = T>
    where
        Self: 'a;

    fn lock(&self) -> Self::Guard<'_>;
}

/// Those of the machine.
pub struct Real;

impl Primitives for Real {
    type Flag = AtomicBool;
    type Lock<T: Default> = Mutex<T>;

    #[inline]
    fn fence() {
        fence(Ordering::SeqCst);
    }
}

impl Flag for AtomicBool {
    #[inline]
    fn load(&self, order: Ordering) -> bool {
        self.load(order)
    }

    #[inline]
    fn store(&self, value: bool, order: Ordering) {
        self.store(value, order);
    }

    #[inline]
    fn swap(&self, value: bool, order: Ordering) -> bool {
        self.swap(value, order)
    }
}

impl<T: Default> Lock<T> for Mutex<T> {
    type Guard<'a>
        = MutexGuard<'a, T>
    where
        T: 'a;

    #[inline]
    fn lock(&self) -> MutexGuard<'_, T> {
        self.lock()
    }
}
