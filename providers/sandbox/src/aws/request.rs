//! A request to an AWS API: who is called, where, and with what.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::{HeaderMap, Method};
use percent_encoding::percent_decode_str;

use super::error::ApiError;
use super::params::{Params, Style};

/// The wire protocol of a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// EC2's own form of the query protocol.
    Ec2,
    /// The query protocol.
    Query,
    /// REST with XML bodies, as Route 53 speaks it.
    Route53,
    /// REST with XML bodies, as S3 speaks it.
    S3,
    /// JSON 1.1: the operation stands in a header.
    Json,
}

/// What is fixed about a service.
#[derive(Debug)]
pub struct Service {
    /// The name in the signature's scope.
    pub name: &'static str,
    /// How it is spoken to.
    pub protocol: Protocol,
    /// The version of its query API.
    pub version: &'static str,
    /// The XML namespace of its answers.
    pub namespace: &'static str,
}

/// The services that answer here. Versions and namespaces are those of the published API models.
const SERVICES: [Service; 9] = [
    Service {
        name: "ec2",
        protocol: Protocol::Ec2,
        version: "2016-11-15",
        namespace: "http://ec2.amazonaws.com/doc/2016-11-15/",
    },
    Service {
        name: "sts",
        protocol: Protocol::Query,
        version: "2011-06-15",
        namespace: "https://sts.amazonaws.com/doc/2011-06-15/",
    },
    Service {
        name: "autoscaling",
        protocol: Protocol::Query,
        version: "2011-01-01",
        namespace: "http://autoscaling.amazonaws.com/doc/2011-01-01/",
    },
    Service {
        name: "elasticloadbalancing",
        protocol: Protocol::Query,
        version: "2015-12-01",
        namespace: "http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/",
    },
    Service {
        name: "elasticloadbalancing",
        protocol: Protocol::Query,
        version: super::elb::VERSION,
        namespace: "http://elasticloadbalancing.amazonaws.com/doc/2012-06-01/",
    },
    Service {
        name: "iam",
        protocol: Protocol::Query,
        version: "2010-05-08",
        namespace: "https://iam.amazonaws.com/doc/2010-05-08/",
    },
    Service {
        name: "route53",
        protocol: Protocol::Route53,
        version: "2013-04-01",
        namespace: "https://route53.amazonaws.com/doc/2013-04-01/",
    },
    Service {
        name: "s3",
        protocol: Protocol::S3,
        version: "2006-03-01",
        namespace: "http://s3.amazonaws.com/doc/2006-03-01/",
    },
    Service { name: "kms", protocol: Protocol::Json, version: "2014-11-01", namespace: "" },
];

/// A request that has been read.
#[derive(Debug)]
#[expect(clippy::struct_field_names, reason = "a request id is called so everywhere")]
pub struct Request {
    /// What is fixed about the service that is called.
    pub service: &'static Service,
    /// The region in the signature's scope.
    pub region: String,
    /// The operation, such as `RunInstances`.
    pub operation: String,
    /// The query protocol's parameters without `Action` and `Version`; empty for REST.
    pub params: Params,
    /// The HTTP method.
    pub method: Method,
    /// The path as it was sent, still percent-encoded.
    pub path: String,
    /// The query's pairs, decoded, in the order in which they were sent, without the signature's.
    pub query: Vec<(String, String)>,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
    /// The id that the answer carries.
    pub request_id: String,
}

impl Request {
    /// Reads a request. The error comes with the protocol in which it should be told.
    pub fn read(
        method: Method,
        uri: &http::Uri,
        headers: HeaderMap,
        body: Bytes,
        request_id: String,
    ) -> Result<Self, (Protocol, ApiError)> {
        let all = pairs(uri.query().unwrap_or_default());
        let (service, region) = scope(&headers, &all).map_err(|error| (Protocol::S3, error))?;
        let query: Vec<_> = all.into_iter().filter(|(key, _)| !is_signature(key)).collect();
        let mut request = Self {
            service,
            region,
            operation: String::new(),
            params: Params::new(Style::Query, BTreeMap::new()),
            method,
            path: uri.path().to_owned(),
            query,
            headers,
            body,
            request_id,
        };
        match service.protocol {
            Protocol::Ec2 => request.read_params(Style::Ec2).map_err(|error| (service.protocol, error))?,
            Protocol::Query => request.read_params(Style::Query).map_err(|error| (service.protocol, error))?,
            Protocol::Route53 => request.operation = super::route53::operation(&request),
            Protocol::S3 => request.operation = super::s3::operation(&request),
            Protocol::Json => request.operation = super::kms::operation(&request),
        }
        Ok(request)
    }

    /// The XML namespace of the service's answers.
    pub fn namespace(&self) -> &'static str {
        self.service.namespace
    }

    /// The first value of a query key; the empty text for a key without a value.
    pub fn query_value(&self, key: &str) -> Option<&str> {
        self.query.iter().find(|(k, _)| k == key).map(|(_, v)| v.as_str())
    }

    /// A header's value, if it is there and is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    fn read_params(&mut self, style: Style) -> Result<(), ApiError> {
        let mut values = BTreeMap::new();
        let text = std::str::from_utf8(&self.body)
            .map_err(|_| ApiError::bad("MalformedQueryString", "The body is not UTF-8"))?;
        for (key, value) in self.query.iter().cloned().chain(pairs(text)) {
            if values.insert(key.clone(), value).is_some() {
                return Err(ApiError::bad("MalformedQueryString", format!("The parameter {key} is given twice")));
            }
        }
        self.operation = values
            .remove("Action")
            .ok_or_else(|| ApiError::bad("MissingAction", "The request must contain the parameter Action"))?;
        let version = values.remove("Version").unwrap_or_default();
        let name = self.service.name;
        // Two versions of a service may be two services.
        self.service =
            SERVICES.iter().find(|known| known.name == name && known.version == version).ok_or_else(|| {
                ApiError::bad(
                    "NoSuchVersion",
                    format!("The requested version ({version}) of service {name} does not exist"),
                )
            })?;
        self.params = Params::new(style, values);
        Ok(())
    }
}

fn is_signature(key: &str) -> bool {
    matches!(
        key,
        "X-Amz-Algorithm"
            | "X-Amz-Credential"
            | "X-Amz-Date"
            | "X-Amz-Expires"
            | "X-Amz-SignedHeaders"
            | "X-Amz-Signature"
            | "X-Amz-Security-Token"
    )
}

/// The pairs of a form or a query, decoded.
fn pairs(text: &str) -> Vec<(String, String)> {
    let decode = |part: &str| percent_decode_str(&part.replace('+', " ")).decode_utf8_lossy().into_owned();
    text.split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').map_or_else(|| (decode(pair), String::new()), |(k, v)| (decode(k), decode(v))))
        .collect()
}

/// Service and region, out of the scope of the signature. The signature itself is not checked: whoever reaches the
/// loopback may use the sandbox.
fn scope(headers: &HeaderMap, query: &[(String, String)]) -> Result<(&'static Service, String), ApiError> {
    let header = headers.get("authorization").and_then(|value| value.to_str().ok());
    let credential = header
        .and_then(|value| value.split_once("Credential=")?.1.split([',', ' ']).next())
        .or_else(|| query.iter().find(|(key, _)| key == "X-Amz-Credential").map(|(_, value)| value.as_str()))
        .ok_or_else(|| ApiError::new(403, "MissingAuthenticationToken", "Request is missing Authentication Token"))?;
    let parts: Vec<&str> = credential.split('/').collect();
    let [.., _date, region, service, "aws4_request"] = parts.as_slice() else {
        return Err(ApiError::new(
            400,
            "IncompleteSignature",
            "Credential must have exactly 5 slash-delimited elements",
        ));
    };
    let service = SERVICES
        .iter()
        .find(|known| known.name == *service)
        .ok_or_else(|| ApiError::new(404, "UnknownService", format!("There is no service {service} here")))?;
    if !is_region(region) {
        return Err(ApiError::new(401, "AuthFailure", format!("{region} is not a region")));
    }
    Ok((service, (*region).to_owned()))
}

/// Whether a name has the form of a region's: words of letters, then a number.
pub fn is_region(name: &str) -> bool {
    let words: Vec<&str> = name.split('-').collect();
    let Some((number, names)) = words.split_last() else {
        return false;
    };
    names.len() >= 2
        && names.iter().all(|word| !word.is_empty() && word.chars().all(|c| c.is_ascii_lowercase()))
        && !number.is_empty()
        && number.chars().all(|c| c.is_ascii_digit())
}
