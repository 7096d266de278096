//! The Mersenne Twister MT19937 (Matsumoto and Nishimura 1998), seeded by an array as in their
//! reference of 2002.

/// Words of the state.
pub const WORDS: usize = 624;
const MIDDLE: usize = 397;

/// A generator.
#[derive(Clone, Debug)]
pub struct MersenneTwister {
    state: [u32; WORDS],
    /// The next word to give out; `WORDS` when all are used.
    index: usize,
}

impl MersenneTwister {
    /// Seeded by the 32-bit words of an int, the lowest first; 0 is one word.
    pub fn from_key(key: &[u32]) -> Self {
        let key = if key.is_empty() { &[0] } else { key };
        let mut generator = MersenneTwister { state: [0; WORDS], index: WORDS };
        generator.seed(19_650_218);
        let state = &mut generator.state;
        let (mut i, mut j) = (1, 0);
        for _ in 0..WORDS.max(key.len()) {
            let previous = state[i - 1];
            let mixed = state[i] ^ (previous ^ previous >> 30).wrapping_mul(1_664_525);
            state[i] = mixed.wrapping_add(key[j]).wrapping_add(j as u32);
            i += 1;
            j += 1;
            if i == WORDS {
                state[0] = state[WORDS - 1];
                i = 1;
            }
            if j == key.len() {
                j = 0;
            }
        }
        for _ in 1..WORDS {
            let previous = state[i - 1];
            let mixed = state[i] ^ (previous ^ previous >> 30).wrapping_mul(1_566_083_941);
            state[i] = mixed.wrapping_sub(i as u32);
            i += 1;
            if i == WORDS {
                state[0] = state[WORDS - 1];
                i = 1;
            }
        }
        state[0] = 0x8000_0000;
        generator
    }

    fn seed(&mut self, seed: u32) {
        self.state[0] = seed;
        for i in 1..WORDS {
            let previous = self.state[i - 1];
            self.state[i] = (previous ^ previous >> 30).wrapping_mul(1_812_433_253).wrapping_add(i as u32);
        }
        self.index = WORDS;
    }

    fn refill(&mut self) {
        let state = &mut self.state;
        for i in 0..WORDS {
            let bits = state[i] & 0x8000_0000 | state[(i + 1) % WORDS] & 0x7FFF_FFFF;
            let twist = if bits & 1 == 1 { 0x9908_B0DF } else { 0 };
            state[i] = state[(i + MIDDLE) % WORDS] ^ bits >> 1 ^ twist;
        }
        self.index = 0;
    }

    /// 32 random bits.
    pub fn next_u32(&mut self) -> u32 {
        if self.index >= WORDS {
            self.refill();
        }
        let mut word = self.state[self.index];
        self.index += 1;
        word ^= word >> 11;
        word ^= word << 7 & 0x9D2C_5680;
        word ^= word << 15 & 0xEFC6_0000;
        word ^ word >> 18
    }

    /// `random()`: a multiple of 2^-53 in [0, 1).
    pub fn next_f64(&mut self) -> f64 {
        let high = f64::from(self.next_u32() >> 5);
        let low = f64::from(self.next_u32() >> 6);
        (high * 67_108_864.0 + low) * (1.0 / 9_007_199_254_740_992.0)
    }

    /// `getrandbits(bits)`: the 32-bit words of the int, the lowest first.
    pub fn next_bits(&mut self, bits: u64) -> Vec<u32> {
        let words = bits.div_ceil(32);
        let spare = (32 - bits % 32) % 32;
        (1..=words).map(|n| if n == words { self.next_u32() >> spare } else { self.next_u32() }).collect()
    }

    /// `getrandbits(bits)` for at most 64 bits.
    pub fn next_u64(&mut self, bits: u32) -> u64 {
        match bits {
            0 => 0,
            1..=32 => u64::from(self.next_u32() >> (32 - bits)),
            _ => {
                let low = u64::from(self.next_u32());
                u64::from(self.next_u32() >> (64 - bits.min(64))) << 32 | low
            }
        }
    }

    /// The state and the index, as `getstate` shows them.
    pub fn state(&self) -> (&[u32; WORDS], usize) {
        (&self.state, self.index)
    }

    /// From what [`Self::state`] gave; `None` for an index out of range ("invalid state").
    pub fn from_state(state: [u32; WORDS], index: usize) -> Option<Self> {
        (index <= WORDS).then_some(MersenneTwister { state, index })
    }
}

#[cfg(test)]
mod tests {
    use super::MersenneTwister;

    #[test]
    fn agrees_with_random_random() {
        let seed = 12_345_678_901_234_567_890u64;
        let mut generator = MersenneTwister::from_key(&[seed as u32, (seed >> 32) as u32]);
        assert_eq!(generator.next_bits(32), [2_199_100_970]);
        let words = generator.next_bits(70);
        let value = words.iter().rev().fold(0u128, |value, word| value << 32 | u128::from(*word));
        assert_eq!(value, 644_379_460_621_599_757_127);
        assert_eq!(generator.next_f64().to_bits(), 0x3FE4_8DD2_21CA_4920);
    }
}
