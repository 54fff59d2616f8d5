//! The spec as its users meet it: files in, clusters or faults out.

#![expect(clippy::expect_used, reason = "a test may panic")]

mod faults;
mod hostile;
mod regions;
mod resolved;
mod schema;

use meridian_spec::{Catalogue, Cluster, Faults, clusters};

/// The example that the README builds.
const EXAMPLE: &str = include_str!("../../examples/aws.yaml");

fn catalogue() -> &'static Catalogue {
    Catalogue::builtin().expect("the built-in catalogue is sound")
}

fn resolve(text: &str) -> Result<Vec<Cluster>, Faults> {
    clusters(&[("test.yaml", text)], catalogue())
}

/// A minimal cluster with further lines of YAML in its `spec`.
fn minimal(region: &str, lines: &str) -> String {
    let provider = match region {
        region if catalogue().region("gcp", region).is_some() => "gcp",
        region if catalogue().region("azure", region).is_some() => "azure",
        _ => "aws",
    };
    let lines: Vec<String> = lines.lines().map(|line| format!("  {line}\n")).collect();
    let lines = lines.concat();
    format!(
        "apiVersion: meridian/v1\nkind: Cluster\nmetadata: {{ name: demo }}\nspec:\n  provider: {provider}\n  region: {region}\n{lines}"
    )
}

/// The only cluster of a text that is sound.
fn one(text: &str) -> Cluster {
    let mut all = resolve(text).unwrap_or_else(|faults| panic!("{faults}\n{text}"));
    assert_eq!(all.len(), 1);
    all.remove(0)
}
