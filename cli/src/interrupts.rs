//! Ctrl-C and SIGTERM.

use anyhow::{Context as _, Result};
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Who is asked to stop hears of it from here, if it was asked after [`Interrupts::listen`]: it has to stand before whatever makes
/// somebody ask, as a question does.
#[derive(Debug)]
pub struct Interrupts {
    interrupt: Signal,
    terminate: Signal,
}

impl Interrupts {
    /// Listens from now on, in place of the process's end.
    pub fn listen() -> Result<Self> {
        let at = |kind| signal(kind).context("signals can't be listened to");
        Ok(Self { interrupt: at(SignalKind::interrupt())?, terminate: at(SignalKind::terminate())? })
    }

    /// The next one. Nothing is lost when this is dropped before its end.
    pub async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}
