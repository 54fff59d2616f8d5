//! Which bucket, which key, which operation; and the refusal of whatever the operation does not know.

use http::Method;
use percent_encoding::percent_decode_str;

use super::not_implemented;
use crate::aws::{ApiError, Request};

/// A request's address.
#[derive(Debug, PartialEq, Eq)]
pub struct Route {
    /// The bucket; empty for the service.
    pub bucket: String,
    /// The key; empty for the bucket.
    pub key: String,
}

/// Sub-resources of a bucket and the operations behind GET, PUT and DELETE; empty where there is none.
const BUCKET: [(&str, &str, &str, &str); 10] = [
    ("location", "GetBucketLocation", "", ""),
    ("tagging", "GetBucketTagging", "PutBucketTagging", "DeleteBucketTagging"),
    ("versioning", "GetBucketVersioning", "PutBucketVersioning", ""),
    ("publicAccessBlock", "GetPublicAccessBlock", "PutPublicAccessBlock", "DeletePublicAccessBlock"),
    ("encryption", "GetBucketEncryption", "PutBucketEncryption", "DeleteBucketEncryption"),
    ("policy", "GetBucketPolicy", "PutBucketPolicy", "DeleteBucketPolicy"),
    ("policyStatus", "GetBucketPolicyStatus", "", ""),
    ("ownershipControls", "GetBucketOwnershipControls", "PutBucketOwnershipControls", "DeleteBucketOwnershipControls"),
    ("lifecycle", "GetBucketLifecycleConfiguration", "PutBucketLifecycleConfiguration", "DeleteBucketLifecycle"),
    ("versions", "ListObjectVersions", "", ""),
];

/// Sub-resources that exist in S3 and not here: they may not be taken for the plain operation.
const OTHERS: [&str; 17] = [
    "accelerate",
    "acl",
    "analytics",
    "attributes",
    "cors",
    "intelligent-tiering",
    "inventory",
    "legal-hold",
    "logging",
    "metrics",
    "notification",
    "object-lock",
    "replication",
    "requestPayment",
    "retention",
    "uploads",
    "website",
];

/// The operation behind a request; empty if there is none here.
pub fn operation(req: &Request) -> String {
    let Ok(route) = Route::read(req) else {
        return String::new();
    };
    let has = |key: &str| req.query.iter().any(|(known, _)| known == key);
    if OTHERS.iter().any(|other| has(other)) || has("uploadId") || has("restore") {
        return String::new();
    }
    let named = match (route.bucket.is_empty(), route.key.is_empty()) {
        (true, _) => {
            if req.method == Method::GET {
                "ListBuckets"
            } else {
                ""
            }
        }
        (false, true) => bucket_operation(req, has),
        (false, false) => match (&req.method, has("tagging")) {
            (&Method::GET, true) => "GetObjectTagging",
            (&Method::PUT, true) => "PutObjectTagging",
            (&Method::DELETE, true) => "DeleteObjectTagging",
            (&Method::GET, false) => "GetObject",
            (&Method::HEAD, false) => "HeadObject",
            (&Method::PUT, false) if req.headers.contains_key("x-amz-copy-source") => "",
            (&Method::PUT, false) => "PutObject",
            (&Method::DELETE, false) => "DeleteObject",
            _ => "",
        },
    };
    named.to_owned()
}

fn bucket_operation(req: &Request, has: impl Fn(&str) -> bool) -> &'static str {
    if let Some((_, get, put, delete)) = BUCKET.into_iter().find(|(key, ..)| has(key)) {
        return match req.method {
            Method::GET => get,
            Method::PUT => put,
            Method::DELETE => delete,
            _ => "",
        };
    }
    match req.method {
        Method::PUT => "CreateBucket",
        Method::HEAD => "HeadBucket",
        Method::DELETE => "DeleteBucket",
        Method::POST if has("delete") => "DeleteObjects",
        // The first version of the list is what a GET without parameters asks for, and nothing here sends it.
        Method::GET if req.query_value("list-type") == Some("2") => "ListObjectsV2",
        _ => "",
    }
}

impl Route {
    /// Takes host and path apart.
    pub fn read(req: &Request) -> Result<Self, ApiError> {
        let decode = |text: &str| {
            percent_decode_str(text)
                .decode_utf8()
                .map(String::from)
                .map_err(|_| ApiError::bad("InvalidURI", "Couldn't parse the specified URI."))
        };
        let path = decode(req.path.strip_prefix('/').unwrap_or(&req.path))?;
        if let Some(bucket) = host_bucket(req.header("host").unwrap_or_default()) {
            return Ok(Self { bucket: bucket.to_owned(), key: path });
        }
        let (bucket, key) = path.split_once('/').unwrap_or((&path, ""));
        Ok(Self { bucket: bucket.to_owned(), key: key.to_owned() })
    }

    /// Refuses query keys and `x-amz-` headers that the operation does not know.
    pub fn check(&self, req: &Request) -> Result<(), ApiError> {
        if self.key.len() > 1024 {
            return Err(ApiError::bad("KeyTooLongError", "Your key is too long"));
        }
        let own: &[&str] = match req.operation.as_str() {
            "ListBuckets" => &["prefix", "max-buckets", "continuation-token", "bucket-region"],
            "ListObjectsV2" => &[
                "list-type",
                "prefix",
                "delimiter",
                "max-keys",
                "continuation-token",
                "start-after",
                "fetch-owner",
                "encoding-type",
            ],
            "ListObjectVersions" => {
                &["versions", "prefix", "delimiter", "max-keys", "key-marker", "version-id-marker", "encoding-type"]
            }
            "GetObject" | "HeadObject" | "DeleteObject" => &["versionId"],
            "DeleteObjects" => &["delete"],
            "GetObjectTagging" | "PutObjectTagging" | "DeleteObjectTagging" => &["tagging", "versionId"],
            _ => &[],
        };
        for (key, value) in &req.query {
            let sub_resource = self.key.is_empty() && BUCKET.iter().any(|(known, ..)| known == key);
            if key == "x-id" && *value != req.operation {
                return Err(ApiError::bad("InvalidArgument", format!("x-id {value} is not {}", req.operation)));
            }
            if key != "x-id" && !sub_resource && !own.contains(&key.as_str()) {
                return Err(not_implemented(&format!("The query parameter {key}")));
            }
        }
        let known = |name: &str| {
            HEADERS.contains(&name)
                || name.starts_with("x-amz-checksum-")
                || (req.operation == "PutObject" && (PUT_HEADERS.contains(&name) || name.starts_with("x-amz-meta-")))
        };
        match req.headers.keys().map(http::HeaderName::as_str).find(|name| name.starts_with("x-amz-") && !known(name)) {
            Some(name) => Err(not_implemented(&format!("The header {name}"))),
            None => Ok(()),
        }
    }
}

/// Headers that any request may carry.
const HEADERS: [&str; 10] = [
    "x-amz-content-sha256",
    "x-amz-date",
    "x-amz-decoded-content-length",
    "x-amz-expected-bucket-owner",
    "x-amz-sdk-checksum-algorithm",
    "x-amz-security-token",
    "x-amz-te",
    "x-amz-trailer",
    "x-amz-user-agent",
    "x-amz-object-ownership",
];

/// Headers that an upload may carry.
const PUT_HEADERS: [&str; 5] = [
    "x-amz-server-side-encryption",
    "x-amz-server-side-encryption-aws-kms-key-id",
    "x-amz-server-side-encryption-bucket-key-enabled",
    "x-amz-storage-class",
    "x-amz-tagging",
];

/// The bucket in a virtual host: what stands before `.s3.` or `.localhost`, but not before an address.
fn host_bucket(host: &str) -> Option<&str> {
    let name = host
        .rsplit_once(':')
        .filter(|(_, port)| port.chars().all(|c| c.is_ascii_digit()))
        .map_or(host, |(name, _)| name);
    let bucket = [".s3.", ".s3-"].iter().find_map(|mark| name.split_once(mark).map(|(bucket, _)| bucket));
    bucket.or_else(|| name.strip_suffix(".localhost")).filter(|bucket| !bucket.is_empty() && *bucket != "s3")
}

#[cfg(test)]
mod tests {
    use super::host_bucket;

    #[test]
    fn hosts_name_buckets() {
        assert_eq!(host_bucket("my.bucket.s3.eu-west-1.amazonaws.com"), Some("my.bucket"));
        assert_eq!(host_bucket("logs.localhost:8080"), Some("logs"));
        for plain in ["127.0.0.1:8080", "localhost:80", "s3.eu-west-1.amazonaws.com", "s3.localhost"] {
            assert_eq!(host_bucket(plain), None, "{plain}");
        }
    }
}
