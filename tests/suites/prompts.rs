//! Questions on a terminal, and what is suggested after them.

use std::process::Command;

use meridian_tests::binary::{expect, meridian};

/// Runs a command on a terminal of its own, types once the prompt is there, and prints all that it showed and how it ended.
const ON_A_TERMINAL: &str = r#"
import os, pty, sys
prompt, typed, words = sys.argv[1].encode(), sys.argv[2].encode().decode("unicode_escape").encode(), sys.argv[3:]
pid, terminal = pty.fork()
if pid == 0:
    os.execv(words[0], words)
shown = b""
while True:
    try:
        read = os.read(terminal, 65536)
    except OSError:
        break
    if not read:
        break
    shown += read
    if prompt and prompt in shown:
        os.write(terminal, typed)
        prompt = b""
print(shown.decode(), os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
"#;

/// All that was shown, and the exit code at its end.
fn on_a_terminal(like: &Command, prompt: &str, typed: &str) -> String {
    let mut command = Command::new(meridian_tests::tool("MERIDIAN_PYTHON"));
    command.args(["-c", ON_A_TERMINAL, prompt, typed]).arg(like.get_program()).args(like.get_args());
    for (name, value) in like.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    command.current_dir(like.get_current_dir().unwrap()).stdin(std::process::Stdio::null());
    String::from_utf8(expect(&mut command, 0).stdout).unwrap()
}

#[test]
fn an_answer_that_is_none_leaves_everything_and_the_terminal_as_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let mut create = meridian(dir.path());
    create.args(["create", "-f", "examples/aws.yaml", "--sandbox"]);
    for (typed, ending, code) in
        [("\\x03", "interrupted", "130"), ("\\x04", "nothing was done", "1"), ("n\\n", "nothing was done", "1")]
    {
        let shown = on_a_terminal(&create, "[y/N]", typed);
        assert!(shown.contains(ending) && shown.trim_end().ends_with(code), "{typed}: {shown}");
        let hidden = shown.matches("\u{1b}[?25l").count();
        assert_eq!(hidden, shown.matches("\u{1b}[?25h").count(), "the cursor stays hidden: {shown:?}");
    }
    assert!(!dir.path().join("clusters").exists());

    expect(meridian(dir.path()).args(["create", "-f", "examples/aws.yaml", "--sandbox", "--yes"]), 0);
    let mut destroy = meridian(dir.path());
    destroy.args(["destroy", "prod-eu", "--sandbox"]);
    for (typed, ending, code) in
        [("\\x03", "interrupted", "130"), ("\\x04", "nothing was done", "1"), ("prod-us\\n", "nothing was done", "1")]
    {
        let shown = on_a_terminal(&destroy, "to destroy it:", typed);
        assert!(shown.contains(ending) && shown.trim_end().ends_with(code), "{typed}: {shown}");
    }
    let shown = on_a_terminal(&destroy, "to destroy it:", "prod-eu\\n");
    assert!(shown.contains("is gone") && shown.trim_end().ends_with('0'), "{shown}");
}

#[test]
fn what_is_suggested_can_be_typed_as_it_stands() {
    let dir = tempfile::tempdir().unwrap();
    let state = format!("file://{}", dir.path().display());
    let output = expect(
        Command::new(meridian_tests::binary::path())
            .current_dir(meridian_tests::binary::root())
            .stdin(std::process::Stdio::null())
            .args(["create", "-f", "examples/aws.yaml", "--sandbox", "--yes", "--state", &state]),
        0,
    );
    let told = String::from_utf8(output.stdout).unwrap();
    for command in ["meridian plan -f examples/aws.yaml", "meridian get resources prod-eu", "meridian destroy prod-eu"]
    {
        assert!(told.contains(&format!("{command} --state {state} --sandbox\n")), "{command} is not in\n{told}");
    }
    let elsewhere = dir.path().join("other");
    let elsewhere = format!("file://{}", elsewhere.display());
    let failing = ["--fault", "operation=CreateDhcpOptions,effect=denied"];
    let output = expect(
        Command::new(meridian_tests::binary::path())
            .current_dir(meridian_tests::binary::root())
            .stdin(std::process::Stdio::null())
            .args(["create", "-f", "examples/aws.yaml", "--sandbox", "--yes", "--state", &elsewhere])
            .args(failing),
        1,
    );
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(told.contains(&format!("`meridian apply -f examples/aws.yaml --state {elsewhere} --sandbox`")), "{told}");
}
