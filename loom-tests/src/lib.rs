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
    pub mod merge_queue;
}

#[cfg(loom)]
#[path = "../../runtime/src/threads"]
pub mod threads {
    pub mod parking;
    pub mod world;
}

/// All interleavings with at most so many preemptions.
#[cfg(loom)]
pub fn model(preemptions: usize, check: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(preemptions);
    builder.check(check);
}
