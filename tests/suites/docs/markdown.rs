//! What Markdown shows as commands.

/// A part of a document that may hold a command.
#[derive(Debug, PartialEq, Eq)]
pub enum Piece {
    Heading,
    Block(Block),
    /// Code within a line.
    Inline {
        line: usize,
        text: String,
    },
    /// A line that is code since it is indented.
    Indented {
        line: usize,
        text: String,
    },
}

/// A fenced block.
#[derive(Debug, PartialEq, Eq)]
pub struct Block {
    /// The line of its first content, from 1.
    pub line: usize,
    /// The first word behind the fence.
    pub language: String,
    /// The other words, by which a block says what becomes of it.
    pub tag: String,
    pub text: String,
}

/// A command of a block.
#[derive(Debug, PartialEq, Eq)]
pub struct Command {
    pub line: usize,
    /// With its continuation lines joined, without the remark on its exit code.
    pub text: String,
    /// The code it must exit with: 0, or what a closing `# exits N` says.
    pub exits: i32,
}

/// The pieces of a document, in order.
pub fn pieces(document: &str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut block: Option<Block> = None;
    let mut after_blank = true;
    for (index, line) in document.lines().enumerate() {
        let number = index + 1;
        let trimmed = line.trim();
        if let Some(tags) = trimmed.strip_prefix("```") {
            if let Some(block) = block.take() {
                pieces.push(Piece::Block(block));
            } else {
                let (language, tag) = tags.split_once(' ').unwrap_or((tags, ""));
                let (language, tag) = (language.to_owned(), tag.trim().to_owned());
                block = Some(Block { line: number + 1, language, tag, text: String::new() });
            }
        } else if let Some(block) = &mut block {
            block.text.push_str(line);
            block.text.push('\n');
        } else if line.starts_with('#') {
            pieces.push(Piece::Heading);
        } else if line.starts_with("    ") && (after_blank || matches!(pieces.last(), Some(Piece::Indented { .. }))) {
            pieces.push(Piece::Indented { line: number, text: trimmed.to_owned() });
        } else {
            let codes = line.split('`').skip(1).step_by(2);
            pieces.extend(codes.map(|text| Piece::Inline { line: number, text: text.to_owned() }));
        }
        after_blank = trimmed.is_empty();
    }
    pieces
}

/// The commands of a block of shell.
pub fn commands(block: &Block) -> Vec<Command> {
    let mut commands = Vec::new();
    let mut continued: Option<Command> = None;
    for (index, line) in block.text.lines().enumerate() {
        let line = line.trim();
        let mut command = match continued.take() {
            Some(mut command) => {
                command.text.push(' ');
                command.text.push_str(line);
                command
            }
            None if line.is_empty() || line.starts_with('#') => continue,
            None => Command { line: block.line + index, text: line.to_owned(), exits: 0 },
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

#[test]
fn pieces_are_told_apart() {
    let document = "\
# Title
Text with `meridian plan`.

    indented code

```yaml file a.yaml
meridian: no command
```
  ```sh run
  # A remark.
  meridian plan \\
    -f a.yaml   # exits 2

  meridian get regions | head -n 1
  ```
";
    let pieces = pieces(document);
    assert_eq!(pieces[0], Piece::Heading);
    assert_eq!(pieces[1], Piece::Inline { line: 2, text: "meridian plan".to_owned() });
    assert_eq!(pieces[2], Piece::Indented { line: 4, text: "indented code".to_owned() });
    let Piece::Block(file) = &pieces[3] else { panic!("{pieces:?}") };
    assert_eq!((file.tag.as_str(), file.text.as_str()), ("file a.yaml", "meridian: no command\n"));
    let Piece::Block(shell) = &pieces[4] else { panic!("{pieces:?}") };
    let command = |line, text: &str, exits| Command { line, text: text.to_owned(), exits };
    assert_eq!(
        commands(shell),
        [command(11, "meridian plan -f a.yaml", 2), command(14, "meridian get regions | head -n 1", 0)]
    );
}
