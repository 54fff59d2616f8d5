//! The grammar of policy documents, as far as the service checks it when a document is stored
//! (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html>).

use serde_json::{Map, Value};

use crate::aws::ApiError;

/// What a document is for: the two kinds demand different elements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Attached to an identity: needs resources, forbids principals.
    Identity,
    /// A role's trust: needs principals, forbids resources.
    Trust,
    /// Attached to a resource such as a bucket: needs both.
    Resource,
}

/// Checks a document and gives its statements, or says in one sentence what is wrong.
pub fn statements(kind: Kind, document: &str) -> Result<Vec<Map<String, Value>>, String> {
    let value: Value = serde_json::from_str(document).map_err(|_| "This policy contains invalid Json".to_owned())?;
    let Value::Object(policy) = value else {
        return Err("Syntax errors in policy.".into());
    };
    for key in policy.keys() {
        if !["Version", "Id", "Statement"].contains(&key.as_str()) {
            return Err(format!("Unknown field {key}"));
        }
    }
    if let Some(version) = policy.get("Version")
        && version != "2012-10-17"
        && version != "2008-10-17"
    {
        return Err("The policy version is not supported.".into());
    }
    let found = match policy.get("Statement") {
        Some(Value::Array(list)) => list.clone(),
        Some(single @ Value::Object(_)) => vec![single.clone()],
        _ => Vec::new(),
    };
    if found.is_empty() {
        return Err("Syntax errors in policy.".into());
    }
    let mut sids = Vec::new();
    let mut out = Vec::new();
    for statement in found {
        let Value::Object(statement) = statement else {
            return Err("Syntax errors in policy.".into());
        };
        check_statement(kind, &statement)?;
        if let Some(sid) = statement.get("Sid") {
            if sids.contains(sid) {
                return Err("Statement IDs (SID) in a single policy must be unique.".into());
            }
            sids.push(sid.clone());
        }
        out.push(statement);
    }
    Ok(out)
}

/// Checks a document of IAM's.
pub fn check(kind: Kind, document: &str) -> Result<(), ApiError> {
    statements(kind, document).map(drop).map_err(|why| ApiError::new(400, "MalformedPolicyDocument", why))
}

fn check_statement(kind: Kind, statement: &Map<String, Value>) -> Result<(), String> {
    const KNOWN: [&str; 9] =
        ["Sid", "Effect", "Action", "NotAction", "Resource", "NotResource", "Principal", "NotPrincipal", "Condition"];
    if let Some(key) = statement.keys().find(|key| !KNOWN.contains(&key.as_str())) {
        return Err(format!("Unknown field {key}"));
    }
    let sid_ok = |sid: &Value| {
        sid.as_str().is_some_and(|sid| kind == Kind::Resource || sid.chars().all(|c| c.is_ascii_alphanumeric()))
    };
    if !statement.get("Sid").is_none_or(sid_ok) {
        return Err("Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular expression [0-9A-Za-z]*".into());
    }
    match statement.get("Effect").and_then(Value::as_str) {
        Some("Allow" | "Deny") => {}
        _ => return Err("Policy statement must contain an effect, Allow or Deny.".into()),
    }
    let actions = one_of(statement, "Action", "NotAction").ok_or("Policy statement must contain actions.")?;
    for action in strings(actions).ok_or("Syntax errors in policy.")? {
        let shaped = action.split_once(':').is_some_and(|(service, name)| !service.is_empty() && !name.is_empty());
        if action != "*" && !shaped {
            return Err("Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.".into());
        }
    }
    let resource = one_of(statement, "Resource", "NotResource");
    match (kind, resource) {
        (Kind::Trust, Some(_)) => return Err("Has prohibited field Resource".into()),
        (Kind::Identity | Kind::Resource, None) => {
            return Err("Policy statement must contain resources.".into());
        }
        (_, Some(resource)) => check_resources(kind, resource)?,
        (Kind::Trust, None) => {}
    }
    let principal = one_of(statement, "Principal", "NotPrincipal");
    match (kind, principal) {
        (Kind::Identity, Some(_)) => {
            return Err("Policy document should not specify a principal.".into());
        }
        (Kind::Trust | Kind::Resource, None) => {
            return Err("Missing required field Principal".into());
        }
        (_, Some(principal)) => check_principal(principal)?,
        (Kind::Identity, None) => {}
    }
    if let Some(condition) = statement.get("Condition") {
        let blocks = condition.as_object().ok_or("Syntax errors in policy.")?;
        for block in blocks.values() {
            let values = block.as_object().ok_or("Syntax errors in policy.")?;
            if values.values().any(|value| value.is_object() || value.is_null()) {
                return Err("Syntax errors in policy.".into());
            }
        }
    }
    Ok(())
}

fn check_resources(kind: Kind, resource: &Value) -> Result<(), String> {
    for arn in strings(resource).ok_or("Syntax errors in policy.")? {
        if arn != "*" && arn.split(':').count() < 6 && kind != Kind::Trust {
            return Err(format!("Resource {arn} must be in ARN format or \"*\"."));
        }
    }
    Ok(())
}

fn check_principal(principal: &Value) -> Result<(), String> {
    match principal {
        Value::String(any) if any == "*" => Ok(()),
        Value::Object(by_kind) if !by_kind.is_empty() => {
            for (kind, values) in by_kind {
                if !["AWS", "Service", "Federated", "CanonicalUser"].contains(&kind.as_str())
                    || strings(values).is_none()
                {
                    return Err(format!("Invalid principal in policy: \"{kind}\""));
                }
            }
            Ok(())
        }
        _ => Err("Invalid principal in policy.".into()),
    }
}

/// The one of two elements that exclude each other.
fn one_of<'v>(statement: &'v Map<String, Value>, plain: &str, negated: &str) -> Option<&'v Value> {
    match (statement.get(plain), statement.get(negated)) {
        (Some(value), None) | (None, Some(value)) => Some(value),
        _ => None,
    }
}

/// A string or a list of them.
pub fn strings(value: &Value) -> Option<Vec<&str>> {
    match value {
        Value::String(one) => Some(vec![one]),
        Value::Array(many) if !many.is_empty() => many.iter().map(Value::as_str).collect(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_the_usual_documents() {
        let trust = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}]}"#;
        let identity = r#"{"Version":"2012-10-17","Statement":[{"Sid":"A1","Effect":"Allow","Action":["s3:GetObject"],"Resource":"arn:aws:s3:::b/*","Condition":{"StringEquals":{"aws:RequestedRegion":"eu-west-1"}}}]}"#;
        assert!(check(Kind::Trust, trust).is_ok());
        assert!(check(Kind::Identity, identity).is_ok());
        assert!(check(Kind::Identity, trust).is_err());
        assert!(check(Kind::Trust, identity).is_err());
    }

    #[test]
    fn refuses_what_the_service_refuses() {
        for document in [
            "",
            "[]",
            "{\"Statement\":[]}",
            r#"{"Version":"2013-01-01","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}"#,
            r#"{"Statement":{"Effect":"allow","Action":"*","Resource":"*"}}"#,
            r#"{"Statement":{"Effect":"Allow","Action":"GetObject","Resource":"*"}}"#,
            r#"{"Statement":{"Effect":"Allow","Action":"*","Resource":"bucket"}}"#,
            r#"{"Statement":{"Effect":"Allow","Action":"*","Resource":"*","Colour":"red"}}"#,
            r#"{"Statement":{"Effect":"Allow","Action":"*","NotAction":"*","Resource":"*"}}"#,
        ] {
            assert!(check(Kind::Identity, document).is_err(), "{document}");
        }
    }
}
