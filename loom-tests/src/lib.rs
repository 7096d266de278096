//! The real files of the runtime's protocols, compiled against loom: the models in `tests/` run this code, not a copy.

#[cfg(loom)]
#[path = "../../runtime/src/sync.rs"]
pub mod sync;

#[cfg(loom)]
#[path = "../../runtime/src/object"]
pub mod object {
    pub mod header;
    pub mod lock;
    pub mod refcount;
}

#[cfg(loom)]
#[path = "../../runtime/src/memory"]
pub mod memory {
    pub mod grace;
}

#[cfg(loom)]
pub mod threads {
    /// Parking by address, with loom's primitives: the bucket table is the runtime's in miniature (one bucket), since
    /// loom's locks cannot stand in statics of constant initialisers.
    pub mod parking;
}

/// All interleavings with at most so many preemptions.
#[cfg(loom)]
pub fn model(preemptions: usize, check: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(preemptions);
    builder.check(check);
}
