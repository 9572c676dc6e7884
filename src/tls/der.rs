//! As much of DER as it takes to tell the kind of a key and the name of an algorithm.
//!
//! rustls refuses a key without saying what is wrong with it, such as its curve or its length.

use rustls_pki_types::PrivateKeyDer;

use super::error::TlsFailure;

const INTEGER: u8 = Reader::INTEGER;
const BIT_STRING: u8 = 0x03;
const OCTET_STRING: u8 = 0x04;
const OBJECT: u8 = 0x06;
const SEQUENCE: u8 = Reader::SEQUENCE;
/// The parameters of a key in the form of SEC1.
const PARAMETERS: u8 = 0xa0;

const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
const RSA_PSS: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0a];
const ELLIPTIC: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
const P256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
const P384: &[u8] = &[0x2b, 0x81, 0x04, 0x00, 0x22];
const ED25519: &[u8] = &[0x2b, 0x65, 0x70];

/// Curves, kinds of keys and signatures that are met and cannot be used.
const NAMES: [(&[u8], &str); 14] = [
    (&[0x2b, 0x81, 0x04, 0x00, 0x23], "the curve secp521r1 (P-521)"),
    (&[0x2b, 0x81, 0x04, 0x00, 0x21], "the curve secp224r1 (P-224)"),
    (&[0x2b, 0x81, 0x04, 0x00, 0x0a], "the curve secp256k1"),
    (&[0x2b, 0x24, 0x03, 0x03, 0x02, 0x08, 0x01, 0x01, 0x07], "the curve brainpoolP256r1"),
    (&[0x2b, 0x24, 0x03, 0x03, 0x02, 0x08, 0x01, 0x01, 0x0b], "the curve brainpoolP384r1"),
    (&[0x2b, 0x65, 0x71], "Ed448"),
    (&[0x2b, 0x65, 0x6e], "X25519, which cannot sign"),
    (&[0x2a, 0x86, 0x48, 0xce, 0x38, 0x04, 0x01], "DSA"),
    (RSA_PSS, "RSASSA-PSS"),
    (&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x04], "MD5 with RSA"),
    (&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x05], "SHA-1 with RSA"),
    (&[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x01], "SHA-1 with ECDSA"),
    (&[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x04], "SHA-512 with ECDSA"),
    (&[0x2a, 0x86, 0x48, 0xce, 0x38, 0x04, 0x03], "SHA-1 with DSA"),
];

/// The sizes of RSA keys that can sign, in bits: ring takes keys of two primes, each of a multiple of 512 bits.
const SIGNING_BITS: [usize; 3] = [2048, 3072, 4096];

/// Why a key cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum UnusableKey {
    /// RSA of this size.
    Bits(usize),
    /// Of a kind that is not supported, by its name where it is known.
    Kind(Option<&'static str>),
}

impl From<UnusableKey> for TlsFailure {
    fn from(unusable: UnusableKey) -> Self {
        match unusable {
            UnusableKey::Bits(bits) => Self::new(format!("it is an RSA key of {bits} bits"), {
                let [least, more, most] = SIGNING_BITS;
                format!("have one made with {least}, {more} or {most} bits, or with ECDSA on P-256")
            }),
            UnusableKey::Kind(name) => Self::new(
                name.map_or_else(
                    || "it is of a kind that is not supported".into(),
                    |name| format!("it is of {name}, which is not supported"),
                ),
                "have one made on P-256, P-384 or Ed25519, or with RSA",
            ),
        }
    }
}

impl UnusableKey {
    /// Why a private key cannot be used, as far as its kind and its size say.
    pub fn of(key: &PrivateKeyDer<'_>) -> Option<Self> {
        let mut content = Reader::of(key.secret_der()).take(SEQUENCE)?;
        content.take(INTEGER)?;
        match key {
            PrivateKeyDer::Pkcs1(_) => unusable_bits(content.take(INTEGER)?.0),
            PrivateKeyDer::Sec1(_) => {
                content.take(OCTET_STRING)?;
                unusable_kind(content.take(PARAMETERS)?.take(OBJECT)?.0)
            }
            PrivateKeyDer::Pkcs8(_) => {
                let mut algorithm = content.take(SEQUENCE)?;
                match algorithm.take(OBJECT)?.0 {
                    ELLIPTIC => unusable_kind(algorithm.take(OBJECT)?.0),
                    RSA => {
                        let mut key = content.take(OCTET_STRING)?.take(SEQUENCE)?;
                        key.take(INTEGER)?;
                        unusable_bits(key.take(INTEGER)?.0)
                    }
                    other => unusable_kind(other),
                }
            }
            _ => None,
        }
    }
}

/// The size of the RSA key in this SubjectPublicKeyInfo, in bits; none where it is another key.
pub(super) fn rsa_bits(public_key: &[u8]) -> Option<usize> {
    let mut info = Reader::of(public_key).take(SEQUENCE)?;
    let algorithm = info.take(SEQUENCE)?.take(OBJECT)?;
    if algorithm.0 != RSA {
        return None;
    }
    let (_unused_bits, key) = info.take(BIT_STRING)?.0.split_first()?;
    Some(bits(Reader::of(key).take(SEQUENCE)?.take(INTEGER)?.0))
}

/// The name of an algorithm, by its AlgorithmIdentifier without its own tag.
pub(super) fn algorithm(identifier: &[u8]) -> Option<&'static str> {
    name(Reader::of(identifier).take(OBJECT)?.0)
}

fn unusable_bits(modulus: &[u8]) -> Option<UnusableKey> {
    let bits = bits(modulus);
    // The product of two primes may have one bit less than they have together.
    (!SIGNING_BITS.contains(&bits.next_multiple_of(2))).then_some(UnusableKey::Bits(bits))
}

fn unusable_kind(object: &[u8]) -> Option<UnusableKey> {
    (![P256, P384, ED25519].contains(&object)).then(|| UnusableKey::Kind(name(object)))
}

fn name(object: &[u8]) -> Option<&'static str> {
    NAMES.iter().find(|(known, _)| *known == object).map(|(_, name)| *name)
}

fn bits(number: &[u8]) -> usize {
    let significant = number.iter().skip_while(|byte| **byte == 0);
    let first = significant.clone().next().map_or(0, |first| 8 - first.leading_zeros() as usize);
    first + significant.count().saturating_sub(1) * 8
}

/// Values one after the other.
#[derive(Clone, Copy)]
pub(super) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub const INTEGER: u8 = 0x02;
    pub const SEQUENCE: u8 = 0x30;

    pub const fn of(der: &'a [u8]) -> Self {
        Self(der)
    }

    /// All that is left.
    pub const fn content(self) -> &'a [u8] {
        self.0
    }

    /// The content of the next value, where it has this tag.
    pub fn take(&mut self, tag: u8) -> Option<Self> {
        let (found, rest) = self.0.split_first()?;
        let (first, rest) = rest.split_first()?;
        let (length, rest) = match usize::from(*first) {
            short @ ..0x80 => (short, rest),
            long => {
                let (length, rest) =
                    rest.split_at_checked(long - 0x80).filter(|(length, _)| length.len() <= 4)?;
                (length.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte)), rest)
            }
        };
        let (content, rest) = rest.split_at_checked(length)?;
        if *found != tag {
            return None;
        }
        self.0 = rest;
        Some(Self(content))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rustls_pki_types::PrivatePkcs8KeyDer;

    use super::*;

    #[test]
    fn keys_that_sign_here_are_usable() {
        for algorithm in
            [&rcgen::PKCS_ECDSA_P256_SHA256, &rcgen::PKCS_ECDSA_P384_SHA384, &rcgen::PKCS_ED25519]
        {
            let key = rcgen::KeyPair::generate_for(algorithm).unwrap();
            let der = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
            assert_eq!(UnusableKey::of(&der), None, "{algorithm:?}");
        }
    }

    #[test]
    fn bits_are_those_of_the_number() {
        assert_eq!(bits(&[0, 0x80, 0]), 16);
        assert_eq!((bits(&[1]), bits(&[0]), bits(&[])), (1, 0, 0));
    }

    #[test]
    fn rsa_keys_that_ring_cannot_sign_with_are_unusable() {
        let unusable = |bits: usize| {
            let mut modulus = vec![0; bits.div_ceil(8)];
            modulus[0] = 1 << ((bits + 7) % 8);
            unusable_bits(&modulus)
        };
        for bits in [2047, 2048, 3072, 4096] {
            assert_eq!(unusable(bits), None, "{bits}");
        }
        for bits in [1024, 2049, 2560, 3000, 3584, 4097, 5120] {
            assert_eq!(unusable(bits), Some(UnusableKey::Bits(bits)));
        }
        let failure = TlsFailure::from(UnusableKey::Bits(3000)).to_string();
        assert!(failure.contains("3000 bits") && failure.contains("2048, 3072 or 4096 bits"), "{failure}");
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            let _ = (rsa_bits(&bytes), algorithm(&bytes));
            let _ = UnusableKey::of(&PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(bytes)));
        }
    }
}
