//! `-X importtime`: how long each import takes, on standard error.
//!
//! Imports nest: each level adds what the imports inside it took, which its own time does not count. The sums are a
//! thread's own, for other threads' imports go on beside.

use std::cell::Cell;
use std::time::{Duration, Instant};

use crate::object::value::Value;
use crate::sync::{AtomicBool, AtomicI32, Ordering};
use crate::types::string::StrObject;

/// 1: imports that load something; 2: those that find it loaded, too.
static LEVEL: AtomicI32 = AtomicI32::new(0);
static HAS_HEADER: AtomicBool = AtomicBool::new(false);

thread_local! {
    static DEPTH: Cell<usize> = const { Cell::new(0) };
    /// What the imports that are done took, inside the import that is going on.
    static INSIDE: Cell<Duration> = const { Cell::new(Duration::ZERO) };
}

/// An import that is going on.
pub struct Timing {
    start: Instant,
    inside_before: Duration,
}

pub fn set_level(level: i32) {
    LEVEL.store(level, Ordering::Relaxed);
}

fn name_text(name: Value) -> String {
    StrObject::of(name).chars().iter().map(|code| char::from_u32(code).map_or_else(|| format!("\\u{code:04x}"), String::from)).collect()
}

fn header() {
    if !HAS_HEADER.swap(true, Ordering::Relaxed) {
        eprintln!("import time: self [us] | cumulative | imported package");
    }
}

/// An import begins; `None` if nobody wants to know.
pub fn begin() -> Option<Timing> {
    if LEVEL.load(Ordering::Relaxed) == 0 {
        return None;
    }
    header();
    DEPTH.set(DEPTH.get() + 1);
    Some(Timing { start: Instant::now(), inside_before: INSIDE.replace(Duration::ZERO) })
}

impl Timing {
    pub fn end(self, name: Value) {
        let cumulative = self.start.elapsed();
        let own = cumulative.saturating_sub(INSIDE.get());
        let depth = DEPTH.get().saturating_sub(1);
        DEPTH.set(depth);
        INSIDE.set(self.inside_before + cumulative);
        let (own, cumulative, indent) = (own.as_micros(), cumulative.as_micros(), depth * 2);
        eprintln!("import time: {own:9} | {cumulative:10} | {:indent$}{}", "", name_text(name));
    }
}

/// The module is loaded already.
pub fn note_cached(name: Value) {
    if LEVEL.load(Ordering::Relaxed) >= 2 {
        header();
        // The width is that of the name with its indent, as CPython prints it.
        let width = DEPTH.get() * 2;
        eprintln!("import time: cached    | cached     | {:>width$}", name_text(name));
    }
}
