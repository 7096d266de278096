//! Limits on what small documents can blow up to: text that entities expand to, and memory. The counts are those of a
//! document's parser and all its children together.

use pyrt_runtime::sync::{AtomicU32, AtomicU64, Ordering};

use super::codes::Code;

/// The smallest document, `<!ENTITY a SYSTEM 'b'>`-like: what expansions are measured by while nothing has been read.
const SMALLEST_INPUT: u64 = 22;

/// What may grow to how many times the document's size, once it has reached a threshold.
struct Limit {
    threshold: AtomicU64,
    /// The bits of an `f32`.
    maximum: AtomicU32,
}

impl Limit {
    const fn new(threshold: u64) -> Limit {
        Limit { threshold: AtomicU64::new(threshold), maximum: AtomicU32::new(100f32.to_bits()) }
    }

    fn is_broken(&self, total: u64, factor: f32) -> bool {
        // Relaxed: numbers that order nothing.
        total >= self.threshold.load(Ordering::Relaxed) && factor > f32::from_bits(self.maximum.load(Ordering::Relaxed))
    }
}

#[derive(Clone, Copy)]
pub enum Measure {
    Expansion,
    Memory,
}

pub struct Accounting {
    /// Bytes of the document itself, and of entities.
    direct: AtomicU64,
    indirect: AtomicU64,
    allocated: AtomicU64,
    expansion: Limit,
    memory: Limit,
}

impl Accounting {
    pub fn new() -> Accounting {
        Accounting {
            direct: AtomicU64::new(0),
            indirect: AtomicU64::new(0),
            allocated: AtomicU64::new(0),
            expansion: Limit::new(8 << 20),
            memory: Limit::new(64 << 20),
        }
    }

    fn limit(&self, measure: Measure) -> &Limit {
        match measure {
            Measure::Expansion => &self.expansion,
            Measure::Memory => &self.memory,
        }
    }

    pub fn set_threshold(&self, measure: Measure, threshold: u64) {
        self.limit(measure).threshold.store(threshold, Ordering::Relaxed);
    }

    pub fn set_maximum(&self, measure: Measure, maximum: f32) {
        self.limit(measure).maximum.store(maximum.to_bits(), Ordering::Relaxed);
    }

    /// A token of this many bytes is read.
    pub fn read(&self, bytes: usize, is_direct: bool) -> Result<(), Code> {
        let bytes = bytes as u64;
        let (direct, indirect) = if is_direct {
            (self.direct.fetch_add(bytes, Ordering::Relaxed) + bytes, self.indirect.load(Ordering::Relaxed))
        } else {
            (self.direct.load(Ordering::Relaxed), self.indirect.fetch_add(bytes, Ordering::Relaxed) + bytes)
        };
        if self.expansion.is_broken(direct + indirect, factor(direct + indirect, indirect, direct)) {
            return Err(Code::AmplificationLimitBreach);
        }
        Ok(())
    }

    /// Memory that grows with the document is taken.
    pub fn allocate(&self, bytes: usize) -> Result<(), Code> {
        let allocated = self.allocated.fetch_add(bytes as u64, Ordering::Relaxed) + bytes as u64;
        let direct = self.direct.load(Ordering::Relaxed);
        if self.memory.is_broken(allocated, factor(allocated, allocated, direct)) {
            return Err(Code::NoMemory);
        }
        Ok(())
    }

    pub fn release(&self, bytes: usize) {
        self.allocated.fetch_sub(bytes as u64, Ordering::Relaxed);
    }
}

fn factor(total: u64, beyond: u64, direct: u64) -> f32 {
    if direct > 0 { total as f32 / direct as f32 } else { (SMALLEST_INPUT + beyond) as f32 / SMALLEST_INPUT as f32 }
}
