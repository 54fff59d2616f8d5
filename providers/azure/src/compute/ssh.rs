//! Who may log in. Azure makes no Linux machine without a way to: it demands a key, also where the spec names none.

/// The account that keys are for; that of the images.
pub const USER: &str = "ubuntu";

/// A lock that nobody has the key to: its point on the curve is the SHA-256 of `meridian: nobody's key 3`, the first of
/// its kind that is one, so that no private key ever belonged to it. It stands where the spec names no key, and is the
/// same everywhere, so that no machine differs from what is wanted.
pub const NOBODY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHh9bJrygpkqEz2l5gHIrBa1d7Mwzfh7yy+h4fQZEzQD";

/// Types of keys that Azure takes (learn.microsoft.com, "Create and manage SSH keys for authentication to a Linux VM").
const TYPES: [&str; 2] = ["ssh-ed25519", "ssh-rsa"];

/// The key that machines get: the spec's without its comment, or the one that opens nothing.
#[must_use]
pub fn key(public_key: Option<&str>) -> String {
    public_key.map_or_else(|| NOBODY.to_owned(), bare)
}

/// A key without its comment.
#[must_use]
pub fn bare(public_key: &str) -> String {
    public_key.split_whitespace().take(2).collect::<Vec<_>>().join(" ")
}

/// Whether Azure takes keys of this one's type.
#[must_use]
pub fn is_taken(public_key: &str) -> bool {
    public_key.split_whitespace().next().is_some_and(|kind| TYPES.contains(&kind))
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use sha2::{Digest as _, Sha256};

    use super::*;

    #[test]
    fn nobodys_key_is_a_digest() {
        let blob = STANDARD.decode(NOBODY.split_once(' ').unwrap().1).unwrap();
        assert!(blob.ends_with(&Sha256::digest("meridian: nobody's key 3")));
        assert_eq!(blob.len(), 4 + 11 + 4 + 32);
        assert_eq!(key(None), NOBODY);
    }

    #[test]
    fn a_comment_makes_no_other_key() {
        assert_eq!(key(Some("ssh-rsa AAAA  me@home ")), "ssh-rsa AAAA");
        assert!(is_taken("ssh-rsa AAAA me") && !is_taken("ecdsa-sha2-nistp256 AAAA me"));
    }
}
