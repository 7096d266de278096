//! The runtime's own heap, deferred reclamation and the cycle collector.

pub mod collector;
pub mod deltas;
pub mod grace;
pub mod heap;
pub(crate) mod marking;
pub mod merge_queue;
pub mod reclamation;
pub mod remote_free;
pub mod zero_counts;
