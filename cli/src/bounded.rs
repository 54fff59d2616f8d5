//! Files that are read up to a limit: a wrong path (a device, the image of a disk) must not fill the memory.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use anyhow::Result;

use crate::error::Failure;

/// One MiB in bytes.
pub const MIB: u64 = 1 << 20;

/// The file's bytes. `what` names what it should be; one of more than `limit` bytes is refused.
pub fn read(path: &Path, what: &str, limit: u64) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path).and_then(|file| file.take(limit + 1).read_to_end(&mut bytes)).map_err(|error| {
        Failure::wrong(format!("could not read the {what} {}: {error}", path.display()), "is it the right file?")
    })?;
    if bytes.len() as u64 > limit {
        return Err(Failure::wrong(
            format!("{} is larger than {} MiB, the most that a {what} may have", path.display(), limit / MIB),
            "is it the right file?",
        ));
    }
    Ok(bytes)
}
