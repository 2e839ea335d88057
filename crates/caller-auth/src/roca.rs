//! RSA keys made by a broken generator (CVE-2017-15361, "ROCA"): their private halves can be computed.
//!
//! Such a modulus is a power of 65537 modulo each small prime. A sound one passes all of these tests once in about 2^27,
//! and is told apart after one or two of them.

/// Primes modulo which the powers of 65537 are few enough to tell something.
const PRIMES: [u32; 17] = [11, 13, 17, 19, 37, 53, 61, 71, 73, 79, 97, 103, 107, 109, 127, 151, 157];

/// Whether the big-endian `modulus` looks like one of that generator.
pub(crate) fn has_roca_fingerprint(modulus: &[u8]) -> bool {
    PRIMES.iter().all(|prime| {
        let rest = modulus.iter().fold(0, |rest, byte| (rest * 256 + u32::from(*byte)) % prime);
        let step = 65537 % prime;
        let mut power = 1;
        for _ in 1..*prime {
            if power == rest {
                return true;
            }
            power = power * step % prime;
        }
        false
    })
}
