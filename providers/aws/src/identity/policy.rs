//! Policy documents as text: what machines may do, in one spelling.

use percent_encoding::percent_decode_str;
use serde_json::{Value, json};

/// The version of the policy language (IAM user guide, "IAM JSON policy elements: Version").
const LANGUAGE: &str = "2012-10-17";

/// A statement that allows `actions` on `resources`.
#[must_use]
pub fn allow(id: &str, actions: &[&str], resources: &[String]) -> Value {
    json!({ "Sid": id, "Effect": "Allow", "Action": actions, "Resource": resources })
}

/// A document of statements.
#[must_use]
pub fn document(statements: &[Value]) -> String {
    json!({ "Version": LANGUAGE, "Statement": statements }).to_string()
}

/// Lets machines take a role. China's machines go by another name of the service.
#[must_use]
pub fn machines_may_assume(partition: &str) -> String {
    let service = if partition == "aws-cn" { "ec2.amazonaws.com.cn" } else { "ec2.amazonaws.com" };
    document(&[json!({
        "Effect": "Allow",
        "Principal": { "Service": service },
        "Action": "sts:AssumeRole",
    })])
}

/// The same document in the one spelling that documents are compared in. IAM gives documents percent-encoded; what is
/// no document stays as it is, and so differs from every one.
#[must_use]
pub fn normal(encoded: &str) -> String {
    let text = percent_decode_str(encoded).decode_utf8_lossy();
    serde_json::from_str::<Value>(&text).map_or_else(|_| text.clone().into_owned(), |document| document.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_spelling_for_one_document() {
        let document = machines_may_assume("aws");
        assert_eq!(normal(&document), document);
        let spaced = document.replace(':', "%3A%20").replace('{', "%7B%0A").replace('"', "%22");
        // Within strings nothing may change.
        assert_ne!(normal(&spaced), document);
        let encoded: String =
            percent_encoding::utf8_percent_encode(&document, percent_encoding::NON_ALPHANUMERIC).collect();
        assert_eq!(normal(&encoded), document);
        assert_eq!(normal("not json"), "not json");
    }
}
