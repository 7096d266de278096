//! Values, headers, counts, locks, shapes: what every object is made of.

pub mod attribute_slots;
pub mod counting;
pub mod guarded;
pub mod header;
pub mod lifetime;
pub mod lock;
pub mod refcount;
pub mod shape;
pub mod value;
pub mod version;

pub use guarded::Guarded;
pub use header::Header;
pub use refcount::FREE_THREADED;
pub use value::{Owned, PyResult, Raised, Slot, Value};
