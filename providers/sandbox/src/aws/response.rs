//! Answers of the AWS APIs.

use bytes::Bytes;

use super::request::Request;
use crate::xml::Xml;

/// The operations of the query protocol that have no result, not even an empty one.
const WITHOUT_RESULT: [&str; 23] = [
    "AddRoleToInstanceProfile",
    "AttachRolePolicy",
    "CreateAutoScalingGroup",
    "CreateOrUpdateTags",
    "DeleteAutoScalingGroup",
    "DeleteInstanceProfile",
    "DeleteRole",
    "DeleteRolePermissionsBoundary",
    "DeleteRolePolicy",
    "DeleteTags",
    "DetachRolePolicy",
    "PutRolePermissionsBoundary",
    "PutRolePolicy",
    "RemoveRoleFromInstanceProfile",
    "ResumeProcesses",
    "SetDesiredCapacity",
    "SuspendProcesses",
    "TagInstanceProfile",
    "TagRole",
    "UntagInstanceProfile",
    "UntagRole",
    "UpdateAssumeRolePolicy",
    "UpdateAutoScalingGroup",
];

/// An answer.
#[derive(Debug, Clone, Default)]
pub struct Response {
    /// The HTTP status.
    pub status: u16,
    /// Headers beside the request id and the length.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Bytes,
}

impl Response {
    /// An answer without a body.
    pub fn empty(status: u16) -> Self {
        Self { status, ..Self::default() }
    }

    /// An XML body.
    pub fn xml(status: u16, xml: Xml) -> Self {
        Self {
            status,
            headers: vec![("content-type".to_owned(), "text/xml;charset=UTF-8".to_owned())],
            body: Bytes::from(xml.finish()),
        }
    }

    /// A JSON body, as the JSON protocol has it.
    pub fn json(status: u16, body: &serde_json::Value) -> Self {
        Self {
            status,
            headers: vec![("content-type".to_owned(), "application/x-amz-json-1.1".to_owned())],
            body: Bytes::from(body.to_string()),
        }
    }

    /// EC2's form: the operation's members beside the request id.
    pub fn ec2(request: &Request, inside: impl FnOnce(&mut Xml)) -> Self {
        let mut x = Xml::document();
        x.root(&format!("{}Response", request.operation), request.namespace(), |x| {
            x.text("requestId", &request.request_id);
            inside(x);
        });
        Self::xml(200, x)
    }

    /// The query protocol's form: the members in `OperationResult`, where the operation has a result.
    pub fn query(request: &Request, inside: impl FnOnce(&mut Xml)) -> Self {
        let mut x = Xml::document();
        x.root(&format!("{}Response", request.operation), request.namespace(), |x| {
            if !WITHOUT_RESULT.contains(&request.operation.as_str()) {
                x.nest(&format!("{}Result", request.operation), inside);
            }
            x.nest("ResponseMetadata", |x| {
                x.text("RequestId", &request.request_id);
            });
        });
        Self::xml(200, x)
    }

    /// A REST-XML body: one root element.
    pub fn rest_xml(status: u16, root: &str, namespace: &str, inside: impl FnOnce(&mut Xml)) -> Self {
        let mut x = Xml::document();
        x.root(root, namespace, inside);
        let mut response = Self::xml(status, x);
        response.headers = vec![("content-type".to_owned(), "application/xml".to_owned())];
        response
    }

    /// The same answer with one more header.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }
}
