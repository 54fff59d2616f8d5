//! Domain names as Route 53 keeps and orders them.

/// Lower case, with a final dot, and everything outside of `a-z0-9-_.` as an octal escape
/// (<https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/DomainNameFormat.html>). `None` if it is no domain name.
pub fn normal(name: &str) -> Option<String> {
    let mut out = String::new();
    let mut bytes = name.bytes().peekable();
    while let Some(byte) = bytes.next() {
        let byte = if byte == b'\\' {
            let digits: Vec<u8> = bytes.by_ref().take(3).collect();
            u8::from_str_radix(std::str::from_utf8(&digits).ok().filter(|d| d.len() == 3)?, 8).ok()?
        } else if byte == b'.' {
            out.push('.');
            continue;
        } else {
            byte
        };
        match byte.to_ascii_lowercase() {
            c @ (b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_') => out.push(char::from(c)),
            c => out.extend(format!("\\{c:03o}").chars()),
        }
    }
    if !out.ends_with('.') {
        out.push('.');
    }
    let labels: Vec<&str> = out.strip_suffix('.')?.split('.').collect();
    let fits = out.len() <= 255
        && labels
            .iter()
            .all(|label| !label.is_empty() && label.replace('\\', "").len() <= 63 + 3 * label.matches('\\').count());
    fits.then_some(out)
}

/// The order of Route 53's lists: by the labels from the right.
pub fn sort_key(name: &str) -> Vec<String> {
    name.trim_end_matches('.').rsplit('.').map(str::to_owned).collect()
}

/// Whether a name is the zone's own or below it.
pub fn is_within(name: &str, zone: &str) -> bool {
    name == zone || name.strip_suffix(zone).is_some_and(|above| above.ends_with('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_normal() {
        assert_eq!(normal("API.Example.com").as_deref(), Some("api.example.com."));
        assert_eq!(normal("*.example.com.").as_deref(), Some("\\052.example.com."));
        assert_eq!(normal("\\052.example.com").as_deref(), Some("\\052.example.com."));
        for broken in ["", ".", "a..b", &"a".repeat(64), "a\\9"] {
            assert_eq!(normal(broken), None, "{broken}");
        }
        assert!(is_within("a.example.com.", "example.com."));
        assert!(!is_within("badexample.com.", "example.com."));
    }
}
