//! Native modules.
pub mod binascii;
pub mod random;
pub mod sre;
pub mod structure;
