//! `meridian state list`

use anyhow::Result;

use crate::commands::print;
use crate::session::Session;

pub async fn run(session: &Session) -> Result<()> {
    for name in session.clusters.list().await? {
        print(&format!("{name}\n"))?;
    }
    Ok(())
}
