//! Starting and stopping the clouds.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::TcpListener;

use crate::aws::Aws;
use crate::azure::Azure;
use crate::config::Config;
use crate::fault::Faults;
use crate::front::Cloud;
use crate::gcp::Gcp;
use crate::log::CallLog;
use crate::server::{Recorded, Server};
use crate::store::StoreError;

/// A sandbox could not be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The address does not lead back to this machine. Whoever reaches a sandbox may do anything in it.
    #[error("a sandbox listens on loopback only, not on {0}")]
    NotLoopback(std::net::IpAddr),
    /// What was kept cannot be opened.
    #[error("cannot open the sandbox's world")]
    Store(#[from] StoreError),
    /// The listener cannot be bound.
    #[error("cannot listen on {address} for {cloud}")]
    Listen {
        /// The cloud.
        cloud: &'static str,
        /// The address.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// The task that opens the world died.
    #[error("opening the sandbox's world was interrupted")]
    Interrupted(#[source] tokio::task::JoinError),
}

/// Opens a cloud's world.
type Open = fn(&Config, Faults, CallLog) -> Result<Arc<dyn Cloud>, StoreError>;

/// Every cloud that the sandbox has, by name.
const CLOUDS: [(&str, Open); 3] = [
    ("aws", |config, faults, log| Ok(Arc::new(Aws::open(config, faults, log)?))),
    ("gcp", |config, faults, log| Ok(Arc::new(Gcp::open(config, faults, log)?))),
    ("azure", |config, faults, log| Ok(Arc::new(Azure::open(config, faults, log)?))),
];

/// A cloud that runs.
#[derive(Debug)]
struct Running {
    cloud: Arc<dyn Cloud>,
    server: Server,
}

/// Running clouds. Dropping it stops them.
#[derive(Debug)]
pub struct Sandbox {
    running: BTreeMap<&'static str, Running>,
    faults: Faults,
    log: CallLog,
}

impl Sandbox {
    /// Starts a listener for each cloud, on the running tokio runtime. Waits up to five seconds for another process
    /// that uses the same directory.
    pub async fn start(config: Config) -> Result<Self, StartError> {
        if !config.listen.is_loopback() {
            return Err(StartError::NotLoopback(config.listen));
        }
        let faults = Faults::default();
        for fault in &config.faults {
            faults.add(fault.clone());
        }
        let log = CallLog::default();
        let mut running = BTreeMap::new();
        for (name, open) in CLOUDS {
            let (opened, opened_faults, opened_log) = (config.clone(), faults.clone(), log.clone());
            let address = SocketAddr::new(config.listen, config.ports.get(name).copied().unwrap_or(0));
            let cloud = tokio::task::spawn_blocking(move || open(&opened, opened_faults, opened_log))
                .await
                .map_err(StartError::Interrupted)??;
            let failed = |source| StartError::Listen { cloud: name, address, source };
            let listener = TcpListener::bind(address).await.map_err(failed)?;
            let bound = listener.local_addr().map_err(failed)?;
            let recorded = Recorded { name, cloud: Arc::clone(&cloud), recorder: config.recorder.clone() };
            let server = Server::start(listener, bound, recorded);
            running.insert(name, Running { cloud, server });
        }
        Ok(Self { running, faults, log })
    }

    /// The URL of a cloud's API, such as `http://127.0.0.1:40123`, if the sandbox has the cloud.
    #[must_use]
    pub fn endpoint(&self, cloud: &str) -> Option<String> {
        self.running.get(cloud).map(|running| format!("http://{}", running.server.address()))
    }

    /// The URL of every cloud's API.
    #[must_use]
    pub fn endpoints(&self) -> BTreeMap<String, String> {
        self.running.keys().filter_map(|name| Some(((*name).to_owned(), self.endpoint(name)?))).collect()
    }

    /// The armed faults, to which more can be added.
    #[must_use]
    pub fn faults(&self) -> Faults {
        self.faults.clone()
    }

    /// The calls answered so far.
    #[must_use]
    pub fn call_log(&self) -> CallLog {
        self.log.clone()
    }

    /// Everything that exists in a cloud: ids by kind, such as `ec2/vpc`. What is only still described after its end,
    /// such as a terminated instance, is left out, and so is what comes and goes with its parent.
    #[must_use]
    pub fn inventory(&self, cloud: &str) -> BTreeMap<String, Vec<String>> {
        self.running.get(cloud).map(|running| running.cloud.inventory()).unwrap_or_default()
    }

    /// Stops all listeners, closes their connections and lets go of the directory.
    pub async fn shutdown(self) {
        for running in self.running.into_values() {
            running.server.stop().await;
        }
    }
}
