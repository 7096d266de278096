//! The instructions: one small function each, by topic, all `fn(&mut Regs, oparg) -> Flow`.

pub mod arith;
pub mod attr;
pub mod build;
pub mod call;
pub mod call_known;
pub mod class_body;
pub mod control;
pub mod exception;
pub mod generator;
pub mod import;
pub mod iterate;
pub mod load_store;
pub mod pattern;
pub mod subscript;
