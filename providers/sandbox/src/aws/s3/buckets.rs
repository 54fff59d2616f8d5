//! Buckets as such.

use std::collections::BTreeMap;

use super::{Bucket, answer, body, invalid, malformed, read_tags, settings};
use crate::aws::{ApiError, Cx, Request, Response, timestamp};

type Answer = Result<Response, ApiError>;

pub fn create(cx: &mut Cx<'_>, req: &Request, name: &str) -> Answer {
    check_name(name)?;
    let (mut constraint, mut tags) = (None, BTreeMap::new());
    if !req.body.is_empty() {
        let mut node = body(req, "CreateBucketConfiguration")?;
        constraint = node.take_text("LocationConstraint");
        if let Some(set) = node.take("Tags") {
            tags = super::check_tags(read_tags(set)?, 50)?;
        }
        node.finish().map_err(|e| malformed(&e))?;
    }
    check_location(&cx.region, constraint.as_deref())?;
    let ownership = req.header("x-amz-object-ownership").unwrap_or("BucketOwnerEnforced").to_owned();
    settings::check_ownership(&ownership)?;
    let location = Response::empty(200).header("location", format!("/{name}"));
    if let Some(held) = cx.world.global.s3.buckets.get(name) {
        // Only the oldest region lets an owner create a bucket once more.
        if held.region == "us-east-1" && cx.region == "us-east-1" {
            return Ok(location);
        }
        return Err(ApiError::new(
            409,
            "BucketAlreadyOwnedByYou",
            "Your previous request to create the named bucket succeeded and you already own it.",
        ));
    }
    let bucket = Bucket {
        region: constraint.filter(|region| region != "EU").unwrap_or_else(|| cx.region.clone()),
        created: cx.now,
        versioning: None,
        tags,
        // What every bucket has had since April 2023.
        public_access_block: Some([true; 4]),
        encryption: settings::Encryption::default(),
        policy: None,
        ownership: Some(ownership),
        lifecycle: Vec::new(),
        objects: BTreeMap::new(),
    };
    cx.world.global.s3.buckets.insert(name.to_owned(), bucket);
    cx.dirty_global();
    Ok(location)
}

pub fn head(cx: &mut Cx<'_>, name: &str) -> Answer {
    let bucket = cx.world.global.s3.bucket(name)?;
    Ok(Response::empty(200).header("x-amz-bucket-region", &bucket.region))
}

pub fn delete(cx: &mut Cx<'_>, name: &str) -> Answer {
    let bucket = cx.world.global.s3.bucket(name)?;
    if !bucket.objects.is_empty() {
        let what = if bucket.versioning.is_some() {
            "The bucket you tried to delete is not empty. You must delete all versions in the bucket."
        } else {
            "The bucket you tried to delete is not empty"
        };
        return Err(ApiError::new(409, "BucketNotEmpty", what));
    }
    cx.world.global.s3.buckets.remove(name);
    cx.dirty_global();
    Ok(Response::empty(204))
}

pub fn location(cx: &mut Cx<'_>, req: &Request, name: &str) -> Answer {
    let region = &cx.world.global.s3.bucket(name)?.region;
    let shown = if region == "us-east-1" { "" } else { region };
    // The root element is the value itself.
    let text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<LocationConstraint xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">{shown}</LocationConstraint>"
    );
    Ok(Response {
        status: 200,
        headers: vec![("content-type".into(), "application/xml".into()), ("x-amz-id-2".into(), req.request_id.clone())],
        body: text.into(),
    })
}

pub fn list(cx: &mut Cx<'_>, req: &Request) -> Answer {
    let prefix = req.query_value("prefix").unwrap_or_default();
    let region = req.query_value("bucket-region");
    let asked = match req.query_value("max-buckets") {
        None => 10_000,
        Some(text) => text
            .parse::<usize>()
            .ok()
            .filter(|n| (1..=10_000).contains(n))
            .ok_or_else(|| invalid("max-buckets must be between 1 and 10000"))?,
    };
    let size = asked.min(cx.page_limit.unwrap_or(usize::MAX));
    let after = req.query_value("continuation-token").unwrap_or_default();
    let all = &cx.world.global.s3.buckets;
    let found: Vec<_> = all
        .iter()
        .filter(|(name, held)| {
            name.starts_with(prefix) && name.as_str() > after && region.is_none_or(|region| region == held.region)
        })
        .collect();
    let last = (found.len() > size).then(|| found[size - 1].0);
    Ok(answer(req, "ListAllMyBucketsResult", |x| {
        x.nest("Owner", |x| x.text("ID", cx.account));
        x.list("Buckets", "Bucket", found.iter().take(size), |x, (name, held)| {
            x.text("Name", name);
            x.text("CreationDate", timestamp(held.created));
            x.text("BucketRegion", &held.region);
        });
        x.opt("ContinuationToken", last);
        if !prefix.is_empty() {
            x.text("Prefix", prefix);
        }
    }))
}

/// The rules of `LocationConstraint`: none in us-east-1, and elsewhere the region itself.
fn check_location(region: &str, constraint: Option<&str>) -> Result<(), ApiError> {
    match (region, constraint) {
        ("us-east-1", Some("us-east-1")) => {
            Err(ApiError::bad("InvalidLocationConstraint", "The specified location-constraint is not valid"))
        }
        ("us-east-1", None) | ("eu-west-1", Some("EU")) => Ok(()),
        ("us-east-1", Some(other)) if crate::aws::request::is_region(other) => Ok(()),
        ("us-east-1", Some(_)) => {
            Err(ApiError::bad("InvalidLocationConstraint", "The specified location-constraint is not valid"))
        }
        (_, None) => Err(ApiError::bad(
            "IllegalLocationConstraintException",
            "The unspecified location constraint is incompatible for the region specific endpoint this request was sent to.",
        )),
        (region, Some(other)) if region == other => Ok(()),
        (_, Some(other)) => Err(ApiError::bad(
            "IllegalLocationConstraintException",
            format!(
                "The {other} location constraint is incompatible for the region specific endpoint this request was sent to."
            ),
        )),
    }
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html>
fn check_name(name: &str) -> Result<(), ApiError> {
    let edge = |c: Option<char>| c.is_some_and(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
    let fits = (3..=63).contains(&name.len())
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '.')
        && edge(name.chars().next())
        && edge(name.chars().next_back())
        && !name.contains("..")
        && name.parse::<std::net::Ipv4Addr>().is_err()
        && !["xn--", "sthree-", "amzn-s3-demo-"].iter().any(|prefix| name.starts_with(prefix))
        && !["-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3"].iter().any(|suffix| name.ends_with(suffix));
    if fits {
        Ok(())
    } else {
        Err(ApiError::bad("InvalidBucketName", format!("The specified bucket is not valid: {name}")))
    }
}
