//! What S3 checks of a request body before it believes it: the `aws-chunked` framing, its trailers, MD5, SHA-256 and the `x-amz-checksum-*` family.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use md5::{Digest as _, Md5};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

/// The algorithms of the flexible checksums, spelt as in `ChecksumAlgorithm`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Algorithm {
    /// CRC-32 (ISO-HDLC).
    Crc32,
    /// CRC-32C (Castagnoli).
    Crc32c,
    /// CRC-64/NVME.
    Crc64Nvme,
    /// SHA-1.
    Sha1,
    /// SHA-256.
    Sha256,
}

impl Algorithm {
    /// Every algorithm.
    pub const ALL: [Self; 5] = [Self::Crc32, Self::Crc32c, Self::Crc64Nvme, Self::Sha1, Self::Sha256];

    /// The value of `ChecksumAlgorithm`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Crc32 => "CRC32",
            Self::Crc32c => "CRC32C",
            Self::Crc64Nvme => "CRC64NVME",
            Self::Sha1 => "SHA1",
            Self::Sha256 => "SHA256",
        }
    }

    /// The header or trailer that carries the value.
    pub fn header(self) -> &'static str {
        match self {
            Self::Crc32 => "x-amz-checksum-crc32",
            Self::Crc32c => "x-amz-checksum-crc32c",
            Self::Crc64Nvme => "x-amz-checksum-crc64nvme",
            Self::Sha1 => "x-amz-checksum-sha1",
            Self::Sha256 => "x-amz-checksum-sha256",
        }
    }

    /// The checksum of `data` in base64, big-endian as on the wire.
    pub fn of(self, data: &[u8]) -> String {
        use crc_fast::CrcAlgorithm;
        let narrow = |algorithm| u32::try_from(crc_fast::checksum(algorithm, data)).unwrap_or_default().to_be_bytes();
        match self {
            Self::Crc32 => BASE64.encode(narrow(CrcAlgorithm::Crc32IsoHdlc)),
            Self::Crc32c => BASE64.encode(narrow(CrcAlgorithm::Crc32Iscsi)),
            Self::Crc64Nvme => BASE64.encode(crc_fast::checksum(CrcAlgorithm::Crc64Nvme, data).to_be_bytes()),
            Self::Sha1 => BASE64.encode(sha1::Sha1::digest(data)),
            Self::Sha256 => BASE64.encode(Sha256::digest(data)),
        }
    }
}

/// A body that was checked, and the checksum that is kept with it.
#[derive(Debug)]
pub struct Payload {
    /// The decoded bytes.
    pub data: Bytes,
    /// The checksum that the client sent, or the CRC-64/NVME that S3 computes by itself.
    pub checksum: (Algorithm, String),
    /// Whether the client sent a checksum or a Content-MD5, which some operations demand.
    pub verified: bool,
}

/// Why a body is not what its headers say.
#[derive(Debug, thiserror::Error)]
pub enum PayloadError {
    /// Broken `aws-chunked` framing.
    #[error("The chunked body is malformed: {0}")]
    Framing(&'static str),
    /// `x-amz-decoded-content-length` differs.
    #[error("You did not provide the number of bytes specified by the Content-Length HTTP header")]
    Incomplete,
    /// `Content-MD5` is no base64 of 16 bytes.
    #[error("The Content-MD5 you specified is not valid.")]
    InvalidDigest,
    /// `Content-MD5` or a checksum differs.
    #[error("The {0} you specified did not match the calculated checksum.")]
    BadDigest(String),
    /// `x-amz-content-sha256` differs.
    #[error("The provided 'x-amz-content-sha256' header does not match what was computed.")]
    ContentSha256,
    /// Contradicting or unknown checksum headers.
    #[error("{0}")]
    Invalid(String),
}

impl PayloadError {
    /// The API's error code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Framing(_) | Self::Invalid(_) => "InvalidRequest",
            Self::Incomplete => "IncompleteBody",
            Self::InvalidDigest => "InvalidDigest",
            Self::BadDigest(_) => "BadDigest",
            Self::ContentSha256 => "XAmzContentSHA256Mismatch",
        }
    }
}

/// Decodes and checks a body; `header` looks a header up by its lower-case name.
pub fn check<'h>(body: &Bytes, header: impl Fn(&str) -> Option<&'h str>) -> Result<Payload, PayloadError> {
    let declared = header("x-amz-content-sha256").unwrap_or("UNSIGNED-PAYLOAD");
    let (data, trailers) = if declared.starts_with("STREAMING-") {
        let (data, trailers) = unchunk(body)?;
        let length = header("x-amz-decoded-content-length").and_then(|l| l.parse::<usize>().ok());
        if length != Some(data.len()) {
            return Err(PayloadError::Incomplete);
        }
        (data, trailers)
    } else {
        if declared != "UNSIGNED-PAYLOAD" && declared != hex(&Sha256::digest(body)) {
            return Err(PayloadError::ContentSha256);
        }
        (body.clone(), Vec::new())
    };
    if let Some(announced) = header("x-amz-trailer")
        && !trailers.iter().any(|(name, _)| name == announced)
    {
        return Err(PayloadError::Framing("the announced trailer did not come"));
    }
    let mut verified = check_md5(&data, header("content-md5"))?;
    let mut found = None;
    for algorithm in Algorithm::ALL {
        let name = algorithm.header();
        let sent = header(name).or_else(|| trailers.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str()));
        let Some(sent) = sent else { continue };
        if found.is_some() {
            return Err(PayloadError::Invalid(
                "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.".into(),
            ));
        }
        let computed = algorithm.of(&data);
        if sent != computed {
            return Err(PayloadError::BadDigest(algorithm.name().to_owned()));
        }
        found = Some((algorithm, computed));
    }
    verified |= found.is_some();
    if let Some(name) = header("x-amz-sdk-checksum-algorithm") {
        let Some(named) = Algorithm::ALL.into_iter().find(|a| a.name() == name) else {
            return Err(PayloadError::Invalid("Checksum algorithm provided is unsupported. Please try again with any of the valid types: [CRC32, CRC32C, CRC64NVME, SHA1, SHA256]".into()));
        };
        if found.as_ref().is_none_or(|(algorithm, _)| *algorithm != named) {
            return Err(PayloadError::Invalid("x-amz-sdk-checksum-algorithm specified, but no corresponding x-amz-checksum-* or x-amz-trailer headers were found.".into()));
        }
    }
    let checksum = found.unwrap_or_else(|| (Algorithm::Crc64Nvme, Algorithm::Crc64Nvme.of(&data)));
    Ok(Payload { data, checksum, verified })
}

/// The MD5 of `data` in hexadecimal: what the `ETag` of a plain object is.
pub fn md5_hex(data: &[u8]) -> String {
    hex(&Md5::digest(data))
}

fn check_md5(data: &[u8], sent: Option<&str>) -> Result<bool, PayloadError> {
    let Some(sent) = sent else { return Ok(false) };
    let decoded = BASE64.decode(sent).ok().filter(|d| d.len() == 16).ok_or(PayloadError::InvalidDigest)?;
    if decoded == Md5::digest(data).as_slice() { Ok(true) } else { Err(PayloadError::BadDigest("Content-MD5".into())) }
}

type Trailers = Vec<(String, String)>;

/// Takes `size[;chunk-signature=…]` CRLF data CRLF … `0` CRLF trailers CRLF apart.
fn unchunk(body: &Bytes) -> Result<(Bytes, Trailers), PayloadError> {
    let mut data = Vec::with_capacity(body.len());
    let mut rest: &[u8] = body;
    loop {
        let head = line(&mut rest).ok_or(PayloadError::Framing("a chunk has no size"))?;
        let size = head
            .split(';')
            .next()
            .and_then(|size| usize::from_str_radix(size, 16).ok())
            .ok_or(PayloadError::Framing("a chunk's size is no number"))?;
        if size == 0 {
            break;
        }
        let chunk = rest.get(..size).ok_or(PayloadError::Incomplete)?;
        data.extend_from_slice(chunk);
        rest = rest
            .get(size..)
            .and_then(|r| r.strip_prefix(b"\r\n"))
            .ok_or(PayloadError::Framing("a chunk does not end where it says"))?;
    }
    let mut trailers = Vec::new();
    while let Some(text) = line(&mut rest) {
        if text.is_empty() {
            break;
        }
        let (name, value) = text.split_once(':').ok_or(PayloadError::Framing("a trailer has no value"))?;
        trailers.push((name.trim().to_ascii_lowercase(), value.trim().to_owned()));
    }
    Ok((data.into(), trailers))
}

fn line<'a>(rest: &mut &'a [u8]) -> Option<&'a str> {
    if rest.is_empty() {
        return None;
    }
    let end = rest.windows(2).position(|w| w == b"\r\n");
    let (head, tail) = match end {
        Some(end) => (&rest[..end], &rest[end + 2..]),
        None => (*rest, &rest[rest.len()..]),
    };
    *rest = tail;
    std::str::from_utf8(head).ok()
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut out, byte| {
        let _ = write!(out, "{byte:02x}");
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decodes_trailing_checksums() {
        let crc = Algorithm::Crc32.of(b"hello world");
        let body = Bytes::from(format!("5\r\nhello\r\n6\r\n world\r\n0\r\nx-amz-checksum-crc32:{crc}\r\n\r\n"));
        let header = |name: &str| match name {
            "x-amz-content-sha256" => Some("STREAMING-UNSIGNED-PAYLOAD-TRAILER"),
            "x-amz-decoded-content-length" => Some("11"),
            "x-amz-trailer" => Some("x-amz-checksum-crc32"),
            _ => None,
        };
        let payload = check(&body, header).unwrap();
        assert_eq!(&payload.data[..], b"hello world");
        assert_eq!(payload.checksum, (Algorithm::Crc32, crc));
    }

    #[test]
    fn known_checksums() {
        assert_eq!(Algorithm::Crc32.of(b"hello world"), "DUoRhQ==");
        assert_eq!(Algorithm::Crc32c.of(b"hello world"), "yZRlqg==");
        assert_eq!(Algorithm::Sha1.of(b"hello world"), "Kq5sNclPz7QV2+lfQIuc6R7oRu0=");
    }

    #[test]
    fn refuses_a_wrong_checksum() {
        let header = |name: &str| (name == "x-amz-checksum-crc32").then_some("AAAAAA==");
        assert!(matches!(check(&Bytes::from_static(b"x"), header), Err(PayloadError::BadDigest(_))));
    }
}
