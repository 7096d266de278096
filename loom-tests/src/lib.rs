//! The real files of the runtime's protocols, compiled against loom: the models in `tests/` run this code, not a copy.
//!
//! What lies around the protocols in the runtime has stand-ins here, with the runtime's names: objects are strings with a
//! number for a text ([`types::string`]), the heap has a few blocks and uses the last freed one first ([`heap`]), a thread
//! is the number of its heap slot. Names of steps that a mutant leaves out: `sync::modelled::Mutant`.
#![cfg(loom)]
#![allow(dead_code, reason = "the files have what no model needs")]

#[path = "../../runtime/src/sync.rs"]
pub mod sync;

pub mod heap;

#[path = "../../runtime/src/object"]
pub mod object {
    pub mod attribute_slots;
    pub mod counting;
    pub mod header;
    #[path = "../../../loom-tests/src/object/lifetime.rs"]
    pub mod lifetime;
    pub mod lock;
    pub mod refcount;
    pub mod value;
    pub mod version;

    pub use refcount::FREE_THREADED;
}

#[path = "../../runtime/src/memory"]
pub mod memory {
    #[path = "../../../loom-tests/src/memory/deltas.rs"]
    pub mod deltas;
    pub mod grace;
    pub mod merge_queue;
    pub mod remote_free;
    #[path = "../../../loom-tests/src/memory/reclamation.rs"]
    pub mod reclamation;
}

#[path = "../../runtime/src/threads"]
pub mod threads {
    pub mod gil_lock;
    pub mod parking;
    #[path = "../../../loom-tests/src/threads/thread_state.rs"]
    pub mod thread_state;
    pub mod world;
}

#[path = "../../runtime/src/interp"]
pub mod interp {
    pub mod inline_cache;
}

#[path = "../../runtime/src/types"]
pub mod types {
    pub mod root_shape;
    #[path = "../../../loom-tests/src/types/string.rs"]
    pub mod string;

    pub mod weak_table;

    impl weak_table::WeakReference {
        /// Fills in a fresh block.
        pub fn refer_to(&self, referent: crate::object::value::Value, callback: Option<crate::object::value::Owned>) {
            self.referent.store(referent.bits(), crate::sync::Ordering::Relaxed);
            drop(self.callback.replace_locked(callback));
        }
    }

    pub mod list {
        pub mod storage;
        pub use storage::ListObject;

        /// A list of the thread with slot 1.
        pub fn new(items: Vec<crate::object::value::Owned>) -> ListObject {
            ListObject::with_items(crate::object::header::Header::new(1, 0, 0), storage::ItemArray::of_items(items))
        }
    }

    pub mod dict {
        pub mod storage;
        pub mod table;
        pub use storage::DictObject;

        /// A dict of the thread with slot 1, with a block for five entries.
        pub fn new() -> DictObject {
            DictObject::with_keys(crate::object::header::Header::new(1, 0, 0), table::Keys::allocate(3))
        }

        impl DictObject {
            pub fn header(&self) -> &crate::object::header::Header {
                &self.header
            }
        }
    }

    pub mod set {
        pub mod storage;
        pub mod table;
        pub use storage::SetObject;

        /// A set of the thread with slot 1.
        pub fn new() -> SetObject {
            SetObject::empty(crate::object::header::Header::new(1, 0, 0))
        }

        impl SetObject {
            pub fn header(&self) -> &crate::object::header::Header {
                &self.header
            }

            /// With the lock held.
            pub fn insert(&self, key: crate::object::value::Value, hash: i64) {
                self.insert_locked(key, hash);
            }

            /// With the lock held.
            pub fn remove(&self, index: usize) -> Option<crate::object::value::Owned> {
                self.remove_index_locked(index)
            }
        }
    }
}

// For the file of the library, which names the runtime's crate.
extern crate self as pyrt_runtime;

#[path = "../../stdlib/src/thread/raw_lock.rs"]
pub mod raw_lock;

/// All interleavings with at most so many preemptions.
pub fn model(preemptions: usize, check: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(preemptions);
    builder.max_branches = 20_000;
    builder.check(check);
}
