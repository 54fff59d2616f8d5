//! Hostile files: whatever the text, an answer in bounded time, and never a panic.

use std::time::{Duration, Instant};

use proptest::prelude::*;

use crate::{EXAMPLE, resolve};

fn checked(text: &str) {
    if let Err(faults) = resolve(text) {
        assert!(!faults.is_empty());
        for fault in &faults {
            assert!(fault.line >= 1 && fault.column >= 1, "{fault}");
            assert!(text.get(fault.span.clone()).is_some(), "{fault}");
            assert!(fault.to_string().len() < 4096, "a fault of {} bytes", fault.to_string().len());
        }
        assert!(faults.len() <= 500);
    }
}

#[test]
fn every_changed_character_of_the_example_gives_an_answer() {
    let replacements = ["", "\t", "\0", ":", "*", "&", "{", "]", "\"", "é", "0", "- ", "\n"];
    for (position, (index, old)) in EXAMPLE.char_indices().enumerate() {
        // Every third replacement, another third at each place: all of them around every construct, in seconds.
        for new in replacements.iter().skip(position % 3).step_by(3) {
            let rest = &EXAMPLE[index + old.len_utf8()..];
            checked(&format!("{}{new}{rest}", &EXAMPLE[..index]));
        }
    }
}

#[test]
fn large_and_nested_files_are_answered_quickly() {
    let started = Instant::now();
    let lines = |count: usize, line: &dyn Fn(usize) -> String| (0..count).map(line).collect::<Vec<_>>().concat();
    let arguments = |line: &dyn Fn(usize) -> String| {
        let kubernetes = format!("  kubernetes:\n    kubelet:\n      extraArgs:\n{}", lines(40_000, line));
        EXAMPLE.replace("  kubernetes:\n", &kubernetes)
    };
    let unknown = lines(50_000, &|index| format!("unknown{index}: 1\n"));
    for text in [
        "x".repeat(10 << 20),
        "a: ".repeat(300_000),
        "- ".repeat(300_000),
        "[".repeat(1 << 20),
        "{a: ".repeat(250_000),
        arguments(&|index| format!("        key{index}: value\n")),
        arguments(&|_| "        key: value\n".to_owned()),
        unknown.clone(),
        format!("kind: Cluster\n{unknown}"),
        format!("kind: Cluster\n\"{}\": 1\n", "x".repeat(1_000_000)),
        format!("kind: Cluster\nmetadata: {{ name: {} }}\n", "x".repeat(1_000_000)),
        format!("kind: Cluster\nspec: {{ pools: [{}] }}\n", "{ name: 1 }, ".repeat(70_000)),
        "---\nkind: Cluster\n".repeat(50_000),
        "\n".repeat(1_000_000),
        "#".repeat(1_000_000),
        "? ".repeat(500_000),
        "!".repeat(1_000_000),
        "'".repeat(999_999),
        "%".repeat(1_000_000),
    ] {
        checked(&text);
    }
    // A bound that only a quadratic or exponential reader would miss, on a slow machine and unoptimised.
    assert!(started.elapsed() < Duration::from_mins(2), "{:?}", started.elapsed());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn any_text_gives_an_answer(text in "\\PC{0,200}") {
        checked(&text);
    }

    #[test]
    fn any_bytes_of_yaml_give_an_answer(text in "[-a-z:{}\\[\\],&*!|>'\"%@#? \n\t0-9]{0,300}") {
        checked(&text);
        checked(&format!("apiVersion: meridian/v1\nkind: Cluster\nmetadata: {{ name: a }}\nspec:\n  {text}"));
    }

    #[test]
    fn any_splice_of_the_example_gives_an_answer(from in 0..EXAMPLE.len(), length in 0..200_usize, to in 0..EXAMPLE.len()) {
        let boundary = |mut at: usize| { while !EXAMPLE.is_char_boundary(at) { at -= 1; } at };
        let (from, end, to) = (boundary(from), boundary((from + length).min(EXAMPLE.len())), boundary(to));
        let end = end.max(from);
        checked(&format!("{}{}{}", &EXAMPLE[..to], &EXAMPLE[from..end], &EXAMPLE[to..]));
    }
}
