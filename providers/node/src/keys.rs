//! Key pairs and certificate authorities, as kubeadm takes them from outside.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use meridian_provider_api::{CloudError, ErrorKind};
use rcgen::{BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, KeyPair, KeyUsagePurpose};
use zeroize::{Zeroize as _, Zeroizing};

/// As long as those that kubeadm makes (`CertificateValidity` of a CA: ten years).
const VALIDITY: Duration = Duration::from_hours(24 * 3650);

/// For machines whose clocks are behind.
const BACKDATED: Duration = Duration::from_hours(1);

/// A new private key, ECDSA on P-256, in PEM. The text is wiped when it is dropped.
pub(super) fn private_key() -> Result<Zeroizing<String>, CloudError> {
    let mut pair = KeyPair::generate().map_err(|error| failed(&error))?;
    let pem = Zeroizing::new(pair.serialize_pem());
    pair.zeroize();
    Ok(pem)
}

/// The public key that belongs to a private one, in PEM.
pub(super) fn public_key(private: &str) -> Result<String, CloudError> {
    let mut pair = KeyPair::from_pem(private).map_err(|error| failed(&error))?;
    let pem = pair.public_key_pem();
    pair.zeroize();
    Ok(pem)
}

/// A certificate authority's own certificate, in PEM.
pub(super) fn authority(private: &str, common_name: &str) -> Result<String, CloudError> {
    let mut pair = KeyPair::from_pem(private).map_err(|error| failed(&error))?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let begin = rcgen::date_time_ymd(1970, 1, 1) + now.saturating_sub(BACKDATED);
    let mut params = CertificateParams::new([common_name.to_owned()]).map_err(|error| failed(&error))?;
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, common_name);
    params.distinguished_name = name;
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages =
        vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyEncipherment, KeyUsagePurpose::KeyCertSign];
    params.not_before = begin;
    params.not_after = begin + VALIDITY;
    let certificate = params.self_signed(&pair).map_err(|error| failed(&error));
    pair.zeroize();
    Ok(certificate?.pem())
}

fn failed(error: &rcgen::Error) -> CloudError {
    CloudError::new(ErrorKind::Invalid, "making a key pair", error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_and_a_public_key_belong_to_the_private_one() {
        let private = private_key().unwrap();
        assert!(private.starts_with("-----BEGIN PRIVATE KEY-----"));
        let public = public_key(&private).unwrap();
        assert!(public.starts_with("-----BEGIN PUBLIC KEY-----"));
        assert_eq!(public, public_key(&private).unwrap());
        let certificate = authority(&private, "kubernetes").unwrap();
        assert!(certificate.starts_with("-----BEGIN CERTIFICATE-----"));
        assert_ne!(*private, *private_key().unwrap());
    }
}
