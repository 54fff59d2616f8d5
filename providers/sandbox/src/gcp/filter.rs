//! Filter expressions of lists: those with regular expressions (`name eq "a-.*"`) and those of AIP-160
//! (`labels.team = x`).

use regex_lite::Regex;
use serde_json::Value;

use super::error::ApiError;

/// A filter that was read.
#[derive(Debug)]
pub enum Filter {
    /// All must admit.
    All(Vec<Self>),
    /// One must admit.
    Any(Vec<Self>),
    /// A field and what it must be.
    Test(Vec<String>, Test),
}

/// What a field must be.
#[derive(Debug)]
pub enum Test {
    /// Matches as a whole, or does not.
    Matches(Regex, bool),
    /// Is equal, or is not.
    Is(String, bool),
    /// Contains the text; nothing for any value at all.
    Has(String),
}

fn invalid(text: &str) -> ApiError {
    ApiError::invalid("filter", text, "Invalid list filter expression.")
}

impl Filter {
    /// Reads an expression. `known` says which fields there are.
    pub fn read(text: &str, known: impl Fn(&str) -> bool) -> Result<Self, ApiError> {
        let tokens = tokens(text).ok_or_else(|| invalid(text))?;
        let mut reader = Reader { tokens: &tokens, styles: (false, false) };
        let filter = reader.all().filter(|_| reader.tokens.is_empty()).ok_or_else(|| invalid(text))?;
        if reader.styles == (true, true) {
            return Err(ApiError::invalid("filter", text, "Regular expressions and AIP-160 cannot be mixed."));
        }
        match filter.stranger(&known) {
            Some(field) => Err(ApiError::invalid("filter", text, &format!("There is no field '{field}'."))),
            None => Ok(filter),
        }
    }

    fn stranger(&self, known: &impl Fn(&str) -> bool) -> Option<String> {
        match self {
            Self::All(inner) | Self::Any(inner) => inner.iter().find_map(|filter| filter.stranger(known)),
            Self::Test(field, _) => field.first().filter(|first| !known(first)).cloned(),
        }
    }

    /// Whether something passes.
    pub fn admits(&self, value: &Value) -> bool {
        match self {
            Self::All(inner) => inner.iter().all(|filter| filter.admits(value)),
            Self::Any(inner) => inner.iter().any(|filter| filter.admits(value)),
            Self::Test(field, test) => {
                let found = field.iter().try_fold(value, |value, name| value.get(name));
                test.admits(found)
            }
        }
    }
}

impl Test {
    fn admits(&self, value: Option<&Value>) -> bool {
        let texts: Vec<String> = match value {
            None | Some(Value::Null) => Vec::new(),
            Some(Value::String(text)) => vec![text.clone()],
            Some(Value::Array(values)) => values.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
            Some(other) => vec![other.to_string()],
        };
        match self {
            Self::Matches(regex, wanted) => texts.iter().any(|text| regex.is_match(text)) == *wanted,
            Self::Is(value, wanted) => texts.contains(value) == *wanted,
            Self::Has(part) => texts.iter().any(|text| text.contains(part)),
        }
    }
}

/// A word, or a quoted text, which is never an operator.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    Word(String),
    Quoted(String),
    Sign(&'static str),
}

fn tokens(text: &str) -> Option<Vec<Token>> {
    const SIGNS: [&str; 9] = ["(", ")", "!=", ">=", "<=", "=", ":", ">", "<"];
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        // After `eq` and `ne` stands a regular expression, in which signs have no meaning of their own.
        let literal = matches!(tokens.last(), Some(Token::Word(word)) if word == "eq" || word == "ne");
        if first == '"' || first == '\'' {
            let end = rest[1..].find(first)?;
            tokens.push(Token::Quoted(rest[1..=end].to_owned()));
            rest = &rest[end + 2..];
        } else if let Some(sign) = SIGNS.iter().find(|sign| !literal && rest.starts_with(**sign)) {
            tokens.push(Token::Sign(sign));
            rest = &rest[sign.len()..];
        } else {
            let end = if literal {
                end_of_literal(rest)
            } else {
                rest.find(|c: char| c.is_whitespace() || "()=!<>:\"'".contains(c)).unwrap_or(rest.len())
            };
            if end == 0 {
                return None;
            }
            tokens.push(Token::Word(rest[..end].to_owned()));
            rest = &rest[end..];
        }
        rest = rest.trim_start();
    }
    Some(tokens)
}

/// Where a regular expression without quotes ends: at a space, or at a parenthesis that it has not opened.
fn end_of_literal(text: &str) -> usize {
    let mut depth = 0_u32;
    for (index, letter) in text.char_indices() {
        match letter {
            '(' => depth += 1,
            ')' if depth == 0 => return index,
            ')' => depth -= 1,
            letter if letter.is_whitespace() => return index,
            _ => {}
        }
    }
    text.len()
}

#[derive(Debug)]
struct Reader<'a> {
    tokens: &'a [Token],
    /// Whether regular expressions were seen, and whether AIP-160 was.
    styles: (bool, bool),
}

impl Reader<'_> {
    fn next(&mut self) -> Option<Token> {
        let (first, rest) = self.tokens.split_first()?;
        self.tokens = rest;
        Some(first.clone())
    }

    fn takes(&mut self, word: &str) -> bool {
        let found = self.tokens.first() == Some(&Token::Word(word.to_owned()));
        if found {
            self.tokens = &self.tokens[1..];
        }
        found
    }

    fn all(&mut self) -> Option<Filter> {
        let mut parts = vec![self.any()?];
        while !self.tokens.is_empty() && self.tokens.first() != Some(&Token::Sign(")")) {
            self.takes("AND");
            parts.push(self.any()?);
        }
        Some(Filter::All(parts))
    }

    /// `OR` binds more tightly than `AND`.
    fn any(&mut self) -> Option<Filter> {
        let mut parts = vec![self.one()?];
        while self.takes("OR") {
            parts.push(self.one()?);
        }
        Some(Filter::Any(parts))
    }

    fn one(&mut self) -> Option<Filter> {
        let field = match self.next()? {
            Token::Sign("(") => {
                let inner = self.all()?;
                return (self.next()? == Token::Sign(")")).then_some(inner);
            }
            Token::Word(word) => word,
            _ => return None,
        };
        let (sign, value) = (self.next()?, self.next()?);
        let (Token::Word(value) | Token::Quoted(value)) = value else { return None };
        let test = match sign {
            Token::Word(word) if word == "eq" || word == "ne" => {
                self.styles.0 = true;
                Test::Matches(Regex::new(&format!("^(?:{value})$")).ok()?, word == "eq")
            }
            Token::Sign("=") => Test::Is(value, true),
            Token::Sign("!=") => Test::Is(value, false),
            Token::Sign(":") => Test::Has(if value == "*" { String::new() } else { value }),
            _ => return None,
        };
        self.styles.1 |= !matches!(test, Test::Matches(..));
        Some(Filter::Test(field.split('.').map(str::to_owned).collect(), test))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn admits(filter: &str) -> bool {
        let value = json!({"name": "prod-a1-api", "labels": {"team": "x"}, "autoCreateSubnetworks": false});
        Filter::read(filter, |field| ["name", "labels", "autoCreateSubnetworks"].contains(&field))
            .unwrap()
            .admits(&value)
    }

    #[test]
    fn both_styles_are_understood() {
        for filter in [
            "name eq \"prod-.*\"",
            "name eq prod-(a1|b2)-.*",
            "(name eq 'prod-.*') (name ne .*-etcd)",
            "name = prod-a1-api",
            "labels.team:* AND autoCreateSubnetworks=false",
            "(name = other) OR (labels.team = \"x\")",
            "labels.gone != y",
        ] {
            assert!(admits(filter), "{filter}");
        }
        for filter in ["name eq prod", "name != prod-a1-api", "labels.gone:*", "name = a OR name = b AND name:*"] {
            assert!(!admits(filter), "{filter}");
        }
    }

    #[test]
    fn nonsense_is_refused() {
        for filter in ["name", "name eq", "name = a)", "(name = a", "wat = 1", "(name eq a) (name = a)", "name eq ["] {
            assert!(Filter::read(filter, |field| field == "name").is_err(), "{filter}");
        }
    }
}
