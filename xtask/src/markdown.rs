//! The shell commands in Markdown.

/// A command of a fenced block whose language is `sh`.
#[derive(Debug, PartialEq, Eq)]
pub struct Command {
    /// The line of the file where it starts, from 1.
    pub line: usize,
    /// The command with its continuation lines joined, without the remark on its exit code.
    pub text: String,
    /// Whether the block is tagged `sh run`.
    pub runs: bool,
    /// The code it must exit with: 0, or what a closing `# exits N` says.
    pub exits: i32,
}

/// The commands of a document, in order.
pub fn commands(document: &str) -> Vec<Command> {
    let mut commands = Vec::new();
    // The tags of the block that we are in; blocks of other languages have none that concern us.
    let mut block: Option<Vec<&str>> = None;
    let mut continued: Option<Command> = None;
    for (index, line) in document.lines().enumerate() {
        let line = line.trim();
        if let Some(tags) = line.strip_prefix("```") {
            block = match block {
                None => Some(tags.split_whitespace().collect()),
                Some(_) => None,
            };
            continue;
        }
        let Some(tags) = block.as_deref() else { continue };
        if tags.first() != Some(&"sh") {
            continue;
        }
        let mut command = match continued.take() {
            Some(mut command) => {
                command.text.push(' ');
                command.text.push_str(line);
                command
            }
            None if line.is_empty() || line.starts_with('#') => continue,
            None => Command { line: index + 1, text: line.to_owned(), runs: tags.contains(&"run"), exits: 0 },
        };
        if let Some(text) = command.text.strip_suffix('\\') {
            command.text.truncate(text.trim_end().len());
            continued = Some(command);
            continue;
        }
        if let Some((text, remark)) = command.text.rsplit_once("# exits ")
            && let Ok(code) = remark.trim().parse()
        {
            (command.text, command.exits) = (text.trim_end().to_owned(), code);
        }
        commands.push(command);
    }
    commands
}

#[cfg(test)]
mod tests {
    use super::{Command, commands};

    fn command(line: usize, text: &str, runs: bool, exits: i32) -> Command {
        Command { line, text: text.to_owned(), runs, exits }
    }

    #[test]
    fn commands_are_those_of_sh_blocks() {
        let document = "\
Text with `meridian plan`.
```sh
git clone X
```
```yaml
meridian: no command
```
  ```sh run
  # A remark.
  meridian plan \\
    -f a.yaml   # exits 2

  meridian get regions | head -n 1
  ```
";
        assert_eq!(
            commands(document),
            [
                command(3, "git clone X", false, 0),
                command(10, "meridian plan -f a.yaml", true, 2),
                command(13, "meridian get regions | head -n 1", true, 0),
            ]
        );
    }
}
