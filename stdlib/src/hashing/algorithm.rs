//! The hash functions, without objects.

use sha2::digest::{ExtendableOutput, Update, XofReader};


/// The longest digest of fixed size, in bytes.
pub const MAX_DIGEST: usize = 64;
/// The longest block.
pub const MAX_BLOCK: usize = 168;

macro_rules! algorithms {
    ($($variant:ident $name:literal $digest_size:literal $block_size:literal $state:ty, $start:expr;)*) => {
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        pub enum Algorithm { $($variant),* }

        impl Algorithm {
            pub const ALL: &'static [Algorithm] = &[$(Algorithm::$variant),*];

            /// The name as `hash.name` gives it.
            pub const fn name(self) -> &'static str {
                match self { $(Algorithm::$variant => $name),* }
            }

            /// Bytes of the digest; 0 where the caller chooses.
            pub const fn digest_size(self) -> usize {
                match self { $(Algorithm::$variant => $digest_size),* }
            }

            pub const fn block_size(self) -> usize {
                match self { $(Algorithm::$variant => $block_size),* }
            }

            pub fn start(self) -> Hash {
                match self { $(Algorithm::$variant => Hash::$variant($start)),* }
            }
        }

        /// A hash that is being computed.
        #[derive(Clone)]
        #[allow(clippy::large_enum_variant, reason = "cloned in the inner loop of PBKDF2, where an allocation would cost more")]
        pub enum Hash { $($variant($state)),* }

        impl Hash {
            pub fn update(&mut self, data: &[u8]) {
                match self { $(Hash::$variant(state) => { state.update(data); })* }
            }
        }
    };
}

algorithms! {
    Md5 "md5" 16 64 md5::Md5, md5::Md5::default();
    Sha1 "sha1" 20 64 sha1::Sha1, sha1::Sha1::default();
    Sha224 "sha224" 28 64 sha2::Sha224, sha2::Sha224::default();
    Sha256 "sha256" 32 64 sha2::Sha256, sha2::Sha256::default();
    Sha384 "sha384" 48 128 sha2::Sha384, sha2::Sha384::default();
    Sha512 "sha512" 64 128 sha2::Sha512, sha2::Sha512::default();
    Sha512Part224 "sha512_224" 28 128 sha2::Sha512_224, sha2::Sha512_224::default();
    Sha512Part256 "sha512_256" 32 128 sha2::Sha512_256, sha2::Sha512_256::default();
    Sha3Part224 "sha3_224" 28 144 sha3::Sha3_224, sha3::Sha3_224::default();
    Sha3Part256 "sha3_256" 32 136 sha3::Sha3_256, sha3::Sha3_256::default();
    Sha3Part384 "sha3_384" 48 104 sha3::Sha3_384, sha3::Sha3_384::default();
    Sha3Part512 "sha3_512" 64 72 sha3::Sha3_512, sha3::Sha3_512::default();
    Shake128 "shake_128" 0 168 shake::Shake128, shake::Shake128::default();
    Shake256 "shake_256" 0 136 shake::Shake256, shake::Shake256::default();
    Blake2b "blake2b" 64 128 blake2b_simd::State, blake2b_simd::State::new();
    Blake2s "blake2s" 32 64 blake2s_simd::State, blake2s_simd::State::new();
    Md5AndSha1 "md5-sha1" 36 64 Md5AndSha1, Md5AndSha1::default();
    Ripemd160 "ripemd160" 20 64 ripemd::Ripemd160, ripemd::Ripemd160::default();
    Sm3 "sm3" 32 64 sm3::Sm3, sm3::Sm3::default();
}

/// Both hashes side by side, as old versions of TLS use them.
#[derive(Clone, Default)]
pub struct Md5AndSha1 {
    md5: md5::Md5,
    sha1: sha1::Sha1,
}

impl Md5AndSha1 {
    fn update(&mut self, data: &[u8]) {
        Update::update(&mut self.md5, data);
        Update::update(&mut self.sha1, data);
    }
}

/// A digest of fixed size.
#[derive(Clone, Copy)]
pub struct Output {
    bytes: [u8; MAX_DIGEST],
    len: usize,
}

impl Output {
    fn new(bytes: &[u8]) -> Output {
        let mut output = Output { bytes: [0; MAX_DIGEST], len: bytes.len().min(MAX_DIGEST) };
        output.bytes[..output.len].copy_from_slice(&bytes[..output.len]);
        output
    }

    pub fn as_slice(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

impl Hash {
    /// The digest; empty where the caller has to choose its size.
    pub fn finish(self) -> Output {
        use sha2::digest::Digest;
        match self {
            Hash::Md5(state) => Output::new(&state.finalize()),
            Hash::Sha1(state) => Output::new(&state.finalize()),
            Hash::Sha224(state) => Output::new(&state.finalize()),
            Hash::Sha256(state) => Output::new(&state.finalize()),
            Hash::Sha384(state) => Output::new(&state.finalize()),
            Hash::Sha512(state) => Output::new(&state.finalize()),
            Hash::Sha512Part224(state) => Output::new(&state.finalize()),
            Hash::Sha512Part256(state) => Output::new(&state.finalize()),
            Hash::Sha3Part224(state) => Output::new(&state.finalize()),
            Hash::Sha3Part256(state) => Output::new(&state.finalize()),
            Hash::Sha3Part384(state) => Output::new(&state.finalize()),
            Hash::Sha3Part512(state) => Output::new(&state.finalize()),
            Hash::Shake128(_) | Hash::Shake256(_) => Output::new(&[]),
            Hash::Blake2b(state) => Output::new(state.finalize().as_bytes()),
            Hash::Blake2s(state) => Output::new(state.finalize().as_bytes()),
            Hash::Md5AndSha1(state) => {
                let mut both = [0; 36];
                both[..16].copy_from_slice(&state.md5.finalize());
                both[16..].copy_from_slice(&state.sha1.finalize());
                Output::new(&both)
            }
            Hash::Ripemd160(state) => Output::new(&state.finalize()),
            Hash::Sm3(state) => Output::new(&state.finalize()),
        }
    }

    /// A digest of any size, from the functions that have such.
    pub fn finish_extended(self, output: &mut [u8]) {
        match self {
            Hash::Shake128(state) => state.finalize_xof().read(output),
            Hash::Shake256(state) => state.finalize_xof().read(output),
            _ => {}
        }
    }
}

/// A message authentication code that is being computed (RFC 2104): the inner and the outer hash, both with the key in.
#[derive(Clone)]
pub struct Mac {
    inner: Hash,
    outer: Hash,
}

impl Mac {
    pub fn new(algorithm: Algorithm, key: &[u8]) -> Mac {
        let mut block = [0u8; MAX_BLOCK];
        let block = &mut block[..algorithm.block_size()];
        if key.len() > block.len() {
            let mut hash = algorithm.start();
            hash.update(key);
            let digest = hash.finish();
            block[..digest.as_slice().len()].copy_from_slice(digest.as_slice());
        } else {
            block[..key.len()].copy_from_slice(key);
        }
        let keyed = |pad: u8, block: &mut [u8]| {
            block.iter_mut().for_each(|byte| *byte ^= pad);
            let mut hash = algorithm.start();
            hash.update(block);
            hash
        };
        let inner = keyed(0x36, block);
        // The first pad is taken away again.
        let outer = keyed(0x36 ^ 0x5C, block);
        Mac { inner, outer }
    }

    pub fn update(&mut self, data: &[u8]) {
        self.inner.update(data);
    }

    pub fn finish(mut self) -> Output {
        self.outer.update(self.inner.finish().as_slice());
        self.outer.finish()
    }
}

/// PBKDF2 (RFC 8018) with HMAC of a hash of fixed size.
pub fn derive_key(algorithm: Algorithm, password: &[u8], salt: &[u8], iterations: u32, output: &mut [u8]) {
    let keyed = Mac::new(algorithm, password);
    for (number, block) in (1u32..).zip(output.chunks_mut(algorithm.digest_size().max(1))) {
        let mut mac = keyed.clone();
        mac.update(salt);
        mac.update(&number.to_be_bytes());
        let mut last = mac.finish();
        let mut sum = last;
        for _ in 1..iterations {
            let mut mac = keyed.clone();
            mac.update(last.as_slice());
            last = mac.finish();
            sum.bytes.iter_mut().zip(last.bytes).for_each(|(sum, byte)| *sum ^= byte);
        }
        block.copy_from_slice(&sum.bytes[..block.len()]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// RFC 2202 case 6 (a key longer than the block) and RFC 6070 case 5.
    #[test]
    fn codes_and_keys_are_those_of_the_rfcs() {
        let mut mac = Mac::new(Algorithm::Sha1, &[0xAA; 80]);
        mac.update(b"Test Using Larger Than Block-Size Key - Hash Key First");
        assert_eq!(hex(mac.finish().as_slice()), "aa4ae5e15272d00e95705637ce8a3b55ed402112");
        let mut key = [0; 25];
        derive_key(Algorithm::Sha1, b"passwordPASSWORDpassword", b"saltSALTsaltSALTsaltSALTsaltSALTsalt", 4096, &mut key);
        assert_eq!(hex(&key), "3d2eec4fe41c849b80c8d83662c0e44a8b291a964cf2f07038");
    }

    #[test]
    fn sizes_are_those_of_the_digests() {
        for &algorithm in Algorithm::ALL {
            assert_eq!(algorithm.start().finish().as_slice().len(), algorithm.digest_size(), "{algorithm:?}");
        }
    }
}
