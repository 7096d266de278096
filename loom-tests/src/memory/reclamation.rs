//! Retired blocks live to the end of the model's run: tests/grace_periods.rs models when they die.

use std::alloc::{Layout, dealloc};

struct Retired(Vec<(usize, Layout)>);

impl Drop for Retired {
    fn drop(&mut self) {
        for (address, layout) in self.0.drain(..) {
            // SAFETY: allocated with this layout; the run is over.
            unsafe { dealloc(address as *mut u8, layout) };
        }
    }
}

loom::lazy_static! {
    static ref RETIRED: std::sync::Mutex<Retired> = std::sync::Mutex::new(Retired(Vec::new()));
}

/// # Safety
/// As in the runtime.
pub unsafe fn retire_raw(address: *mut u8, layout: Layout) {
    RETIRED.lock().unwrap().0.push((address as usize, layout));
}
