//! The shape of a class's new instances, which may be replaced by one with room for more attributes.
//!
//! # The order
//! * Who allocates reads the shape before the capacity: there is never less room than the shape says.
//! * A shape that is replaced is put on the class's list first, and who bumps versions reads the shape before the list; so
//!   it meets every shape. It reads the latest one: a filler may have seen the new shape before the change, and then the
//!   thread that made the change must see it, too.

use crate::object::header::ShapeId;
use crate::sync::{AtomicU16, AtomicU32, Ordering};

pub struct RootShape {
    shape: AtomicU32,
    /// Attribute slots of new instances.
    capacity: AtomicU16,
}

impl RootShape {
    pub fn new() -> RootShape {
        RootShape { shape: AtomicU32::new(0), capacity: AtomicU16::new(0) }
    }

    #[inline(always)]
    pub fn shape(&self) -> ShapeId {
        // Acquire: pairs with `set`: the capacity that goes with it is seen.
        self.shape.load(Ordering::Acquire)
    }

    /// The shape as who changes the type must see it.
    pub fn latest(&self) -> ShapeId {
        // AcqRel, by an exchange: either this sees the new shape, or who sees that one sees the change.
        self.shape.fetch_or(0, Ordering::AcqRel)
    }

    pub fn set(&self, shape: ShapeId) {
        // AcqRel: see `latest`.
        self.shape.swap(shape, Ordering::AcqRel);
    }

    #[inline(always)]
    pub fn capacity(&self) -> usize {
        usize::from(self.capacity.load(Ordering::Relaxed))
    }

    /// Before anyone sees the class.
    pub fn set_capacity(&self, capacity: usize) {
        self.capacity.store(capacity as u16, Ordering::Relaxed);
    }

    /// Replaces the shape by one with `wider` slots that `make` gives, if it still has `full`; `keep` puts the old one on the
    /// class's list.
    pub fn widen(&self, full: usize, wider: usize, make: impl FnOnce() -> Option<ShapeId>, keep: impl FnOnce(ShapeId)) {
        // The winner makes the shape. Relaxed: published with it.
        if self.capacity.compare_exchange(full as u16, wider as u16, Ordering::Relaxed, Ordering::Relaxed).is_err() {
            return;
        }
        let Some(shape) = make() else { return };
        keep(self.shape());
        self.set(shape);
    }
}

impl Default for RootShape {
    fn default() -> RootShape {
        RootShape::new()
    }
}
