//! Thread states, safepoints, stop-the-world, parking, the GIL.

pub mod fork;
pub mod gil;
pub mod gil_lock;
pub mod parking;
pub mod safepoint;
pub mod stop_the_world;
pub mod thread_state;
pub mod world;
