//! Whatever a string holds, its reader sees exactly it.

use std::fmt::Write as _;
use std::process::{Command, Stdio};

use meridian_templates::{NodeBundle, QuoteError, bundle, files, heredoc, sh, yaml};
use proptest::prelude::*;

use crate::{fixtures, tools};

/// Pieces that mean something to a shell, to YAML, to the template engine or to a terminal.
const HOSTILE: [&str; 41] = [
    "",
    "'",
    "\"",
    "`",
    "$(id)",
    "${HOME}",
    "$HOME",
    "\\",
    "\\n",
    "\n",
    "\r",
    "\r\n",
    "\t",
    " ",
    "  ",
    "{{ 7 * 7 }}",
    "{% if",
    "{# x #}",
    "%s",
    "%",
    "#",
    ": ",
    "- ",
    "? ",
    "&a",
    "*a",
    "!!str",
    "|",
    ">",
    "---",
    "...",
    "yes",
    "0x1f",
    "\u{1b}[31m",
    "\u{7f}",
    "\u{85}",
    "\u{2028}",
    "\u{feff}",
    "é🚀\u{10ffff}",
    "MERIDIAN_EOF",
    "M🌀",
];

fn any_text() -> impl Strategy<Value = String> {
    let hostile = proptest::collection::vec(prop::sample::select(HOSTILE.as_slice()), 0..8).prop_map(|v| v.concat());
    let anything = any::<String>().prop_map(|text| text.replace('\0', ""));
    prop_oneof![hostile, anything, "[ -~\n]{0,60}", "[a-z \n#]{0,30}\n"]
}

/// What a shell prints for a script.
fn run(shell: &str, script: &str) -> Vec<u8> {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("script");
    std::fs::write(&file, script).unwrap();
    let output = Command::new(shell).arg(&file).current_dir(directory.path()).stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    output.stdout
}

#[test]
fn a_nul_is_an_error() {
    assert_eq!(sh("a\0"), Err(QuoteError::Nul));
    assert_eq!(yaml("a\0", None), Err(QuoteError::Nul));
    assert_eq!(yaml("a\0", Some(2)), Err(QuoteError::Nul));
    assert_eq!(heredoc("a\0"), Err(QuoteError::Nul));
}

/// dash drops a byte beyond ASCII that follows on the beginning of the delimiter.
#[test]
fn no_line_begins_like_the_delimiter_and_goes_on_beyond_ascii() {
    for text in ["M🌀", "MERIDIAN_EOF\u{85}", "MERIDIAN_EOF\nM🌀\nA_é\nBé", "A_MERIDIAN_EOF\nMé\n"] {
        let script = format!("cat {}\n", heredoc(text).unwrap());
        for shell in ["sh", "bash"] {
            assert_eq!(
                String::from_utf8(run(shell, &script)).unwrap().trim_end_matches('\n'),
                text.trim_end_matches('\n')
            );
        }
    }
    let every = ('!'..='~').fold(String::new(), |text, first| format!("{text}{first}é\n"));
    assert_eq!(heredoc(&every), Err(QuoteError::NoDelimiter));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn a_shell_sees_one_word(words in proptest::collection::vec(any_text(), 1..40)) {
        for shell in ["sh", "bash"] {
            let quoted: Vec<String> = words.iter().map(|word| sh(word).unwrap()).collect();
            let script = format!("set -- {}\necho $#\nprintf '%s\\000' \"$@\"\n", quoted.join(" "));
            let expected = format!("{}\n{}\0", words.len(), words.join("\0"));
            prop_assert_eq!(run(shell, &script), expected.as_bytes());
        }
    }

    #[test]
    fn a_here_document_is_the_text(texts in proptest::collection::vec(any_text(), 1..20)) {
        for shell in ["sh", "bash"] {
            let mut script = String::new();
            let mut expected = String::new();
            for text in &texts {
                writeln!(script, "cat {}", heredoc(text).unwrap()).unwrap();
                expected += text;
                expected += if text.is_empty() || text.ends_with('\n') { "" } else { "\n" };
            }
            prop_assert_eq!(run(shell, &script), expected.as_bytes());
        }
    }

    #[test]
    fn pyyaml_reads_the_same_text(texts in proptest::collection::vec(any_text(), 1..60)) {
        let mut document = String::new();
        for text in &texts {
            writeln!(document, "- {}\n- {}", yaml(text, None).unwrap(), yaml(text, Some(4)).unwrap()).unwrap();
        }
        let program = "import json, sys, yaml; print(json.dumps(yaml.safe_load(open(sys.argv[1], newline=''))))";
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("document.yaml");
        std::fs::write(&file, document).unwrap();
        let output = Command::new(tools::python()).args(["-c", program]).arg(&file).output().unwrap();
        prop_assert!(output.status.success(), "{:?}", output);
        let read: Vec<String> = serde_json::from_slice(&output.stdout).unwrap();
        let expected: Vec<String> = texts.iter().flat_map(|text| [text.clone(), text.clone()]).collect();
        prop_assert_eq!(read, expected);
    }
}

proptest! {
    #[test]
    fn our_reader_reads_the_same_text(text in any_text()) {
        for indent in [None, Some(4)] {
            let document = format!("list:\n  - {}\n", yaml(&text, indent).unwrap());
            let read: std::collections::BTreeMap<String, Vec<String>> = serde_yaml::from_str(&document).unwrap();
            prop_assert_eq!(&read["list"][0], &text);
        }
    }

    /// From the input to the file on the machine to the reader of that file.
    #[test]
    fn hostile_arguments_reach_kubeadm_as_they_are(value in any_text()) {
        let mut slot = fixtures::slot();
        slot.cluster.arguments.api_server.insert("hostile".to_owned(), value.clone());
        slot.cluster.certificate_names = vec![value.clone()];
        slot.cluster.kubelet.insert("hostile".to_owned(), serde_json::json!({ &value: [&value] }));
        let input = NodeBundle::ControlPlane(Box::new(slot));
        let files = files(&input).unwrap();
        let config = &files.iter().find(|file| file.path.ends_with("kubeadm.yaml")).unwrap().content;
        let documents: Vec<serde_json::Value> = serde_yaml::from_multiple(config).unwrap();
        let arguments = documents[1]["apiServer"]["extraArgs"].as_array().unwrap();
        let hostile = arguments.iter().find(|argument| argument["name"] == "hostile").unwrap();
        prop_assert_eq!(&hostile["value"], &value);
        prop_assert_eq!(&documents[1]["apiServer"]["certSANs"][0], &value);
        prop_assert_eq!(&documents[2]["hostile"][&value][0], &value);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, ..ProptestConfig::default() })]

    /// The bundle's own shell writes each file byte for byte, whatever is in it.
    #[test]
    fn a_bundle_writes_its_files(value in any_text()) {
        let mut slot = fixtures::slot();
        slot.cluster.certificate_names = vec![value.clone(), "\nMERIDIAN_EOF\n".to_owned()];
        slot.cluster.arguments.scheduler.insert("hostile".to_owned(), value);
        let input = NodeBundle::ControlPlane(Box::new(slot));
        let script = bundle(&input).unwrap();
        let files = files(&input).unwrap();
        let writes = &script[script.find("\nput_file '").unwrap()..script.rfind("\n/bin/bash '/usr/local/lib/meridian/steps/10-").unwrap()];
        let printed = run("bash", &format!("put_file() {{ printf '%s\\000%s\\000' \"$1\" \"$2\"; cat; printf '\\000'; }}\n{writes}\n"));
        let expected: String =
            files.iter().flat_map(|file| [file.mode, "\0", file.path, "\0", &file.content, "\0"]).collect();
        prop_assert_eq!(String::from_utf8(printed).unwrap(), expected);
    }
}
