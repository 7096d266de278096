//! Objects, memory, threads, eval loop, built-in types.
