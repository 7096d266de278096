//! The command line: options, search path, start-up, the program's run and its end. `pyrt` and `pyrt-t` are this.

mod allocator;
pub mod cli;
mod help;
mod options;
mod paths;
mod prompt;
mod startup;
mod streams;
