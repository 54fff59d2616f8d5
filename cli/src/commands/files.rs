//! Reading the files that a command names.

use std::io::Read as _;
use std::path::Path;

use anyhow::Result;

use crate::args::Files;
use crate::error::Failure;

/// The largest file that is read: more than a spec may be, so that the fault names the limit.
const MAX_BYTES: u64 = 16 << 20;

/// The files as `(name, text)`; `-` is standard input. What is not UTF-8 is read as far as it can be, and refused as a
/// fault of the spec later.
pub fn read(files: &Files) -> Result<Vec<(String, String)>> {
    files
        .file
        .iter()
        .map(|path| {
            let bytes = read_bounded(path).map_err(|error| {
                Failure::wrong(
                    format!("could not read {}: {error}", path.display()),
                    "name a file that can be read with -f",
                )
            })?;
            Ok((path.display().to_string(), String::from_utf8_lossy(&bytes).into_owned()))
        })
        .collect()
}

fn read_bounded(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if path == Path::new("-") {
        std::io::stdin().take(MAX_BYTES).read_to_end(&mut bytes)?;
    } else {
        std::fs::File::open(path)?.take(MAX_BYTES).read_to_end(&mut bytes)?;
    }
    Ok(bytes)
}
