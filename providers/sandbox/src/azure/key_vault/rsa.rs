//! RSA keys: made, and used as the vault uses them.

use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::rsa::{
    KeySize, OAEP_SHA1_MGF1SHA1, OAEP_SHA256_MGF1SHA256, OaepAlgorithm, OaepPrivateDecryptingKey,
    OaepPublicEncryptingKey, PrivateDecryptingKey,
};

/// A private key, in PKCS #8.
pub fn generate(bits: u64) -> Option<Vec<u8>> {
    let size = match bits {
        2048 => KeySize::Rsa2048,
        3072 => KeySize::Rsa3072,
        4096 => KeySize::Rsa4096,
        _ => return None,
    };
    let der: Pkcs8V1Der<'_> = PrivateDecryptingKey::generate(size).ok()?.as_der().ok()?;
    Some(der.as_ref().to_vec())
}

/// Modulus and exponent of a private key's public half, without leading zeros.
pub fn public(private: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    let key = PrivateDecryptingKey::from_pkcs8(private).ok()?;
    let der: PublicKeyX509Der<'_> = key.public_key().as_der().ok()?;
    // SubjectPublicKeyInfo: the algorithm, and a bit string that holds both numbers (RFC 8017, A.1.1).
    let (_, info, _) = element(der.as_ref())?;
    let (_, _, rest) = element(info)?;
    let (_, bits, _) = element(rest)?;
    let (_, numbers, _) = element(bits.get(1..)?)?;
    let (_, modulus, rest) = element(numbers)?;
    let (_, exponent, _) = element(rest)?;
    let bare = |number: &[u8]| number.iter().copied().skip_while(|byte| *byte == 0).collect();
    Some((bare(modulus), bare(exponent)))
}

/// The first element of DER: its tag, its content, and what follows.
fn element(der: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&[tag, first], rest) = der.split_first_chunk::<2>()?;
    let (length, rest) = if first < 0x80 {
        (usize::from(first), rest)
    } else {
        let (digits, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
        (digits.iter().fold(0, |length, digit| length << 8 | usize::from(*digit)), rest)
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((tag, content, rest))
}

fn algorithm(name: &str) -> Option<&'static OaepAlgorithm> {
    match name {
        "RSA-OAEP" => Some(&OAEP_SHA1_MGF1SHA1),
        "RSA-OAEP-256" => Some(&OAEP_SHA256_MGF1SHA256),
        _ => None,
    }
}

/// Whether keys can be wrapped so.
pub fn is_known(name: &str) -> bool {
    algorithm(name).is_some()
}

/// Encrypts with the public half; `None` for what is too long.
pub fn encrypt(private: &[u8], name: &str, plain: &[u8]) -> Option<Vec<u8>> {
    let key = PrivateDecryptingKey::from_pkcs8(private).ok()?.public_key();
    let key = OaepPublicEncryptingKey::new(key).ok()?;
    let mut out = vec![0; key.ciphertext_size()];
    let sealed = key.encrypt(algorithm(name)?, plain, &mut out, None).ok()?.len();
    out.truncate(sealed);
    Some(out)
}

/// Decrypts; `None` for what was not encrypted so with this key.
pub fn decrypt(private: &[u8], name: &str, sealed: &[u8]) -> Option<Vec<u8>> {
    let key = OaepPrivateDecryptingKey::new(PrivateDecryptingKey::from_pkcs8(private).ok()?).ok()?;
    let mut out = vec![0; key.min_output_size()];
    let plain = key.decrypt(algorithm(name)?, sealed, &mut out, None).ok()?.len();
    out.truncate(plain);
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_open_what_they_closed_and_nothing_else() {
        let (one, other) = (generate(2048).unwrap(), generate(2048).unwrap());
        let (modulus, exponent) = public(&one).unwrap();
        assert_eq!((modulus.len(), exponent.as_slice()), (256, [1, 0, 1].as_slice()));
        let sealed = encrypt(&one, "RSA-OAEP-256", b"secret").unwrap();
        assert_eq!(decrypt(&one, "RSA-OAEP-256", &sealed).unwrap(), b"secret");
        assert_eq!(decrypt(&one, "RSA-OAEP", &sealed), None);
        assert_eq!(decrypt(&other, "RSA-OAEP-256", &sealed), None);
        assert_eq!(encrypt(&one, "RSA-OAEP-256", &[0; 191]), None);
        assert_eq!(generate(1024), None);
    }
}
