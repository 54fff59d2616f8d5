//! A bad network between us and a server on this machine: it loses requests and answers, sends requests twice and out of their
//! order, is slow, or is down.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// What happens to one exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    Passes,
    /// The request never arrives.
    RequestLost,
    /// The server does what is asked, and nobody hears of it.
    AnswerLost,
    /// The request arrives twice, and the answer to the second one is given.
    SentTwice,
    /// The answer takes its time.
    Late,
    /// The connection is cut, and the request arrives later: after its repetition, and after what was asked since.
    Overtaken,
    /// The request arrives and is answered, and arrives once more later, after what was asked since.
    Echoed,
}

/// By how much a request is late that others overtake: enough for several exchanges.
const LATE: Duration = Duration::from_millis(400);

/// A proxy, until it is dropped.
pub struct Proxy {
    endpoint: String,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

struct Shared {
    upstream: String,
    fates: Vec<Fate>,
    exchanges: AtomicUsize,
    late: AtomicUsize,
    is_down: AtomicBool,
}

impl Proxy {
    /// A proxy in front of `endpoint` (`http://127.0.0.1:<port>`). The exchanges meet `fates` in turn, and over and over.
    ///
    /// # Panics
    /// When there is no port.
    pub async fn start(endpoint: &str, fates: &[Fate]) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap_or_else(|error| panic!("no port: {error}"));
        let address = listener.local_addr().unwrap_or_else(|error| panic!("no address: {error}"));
        let shared = Arc::new(Shared {
            upstream: endpoint.trim_start_matches("http://").to_owned(),
            fates: fates.to_vec(),
            exchanges: AtomicUsize::new(0),
            late: AtomicUsize::new(0),
            is_down: AtomicBool::new(false),
        });
        let own = Arc::clone(&shared);
        let task = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let shared = Arc::clone(&own);
                // A broken connection is what we are for.
                tokio::spawn(async move { relay(client, &shared).await.ok() });
            }
        });
        Self { endpoint: format!("http://{address}"), shared, task }
    }

    /// `http://127.0.0.1:<port>`.
    #[must_use]
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Cuts every connection at its first word, or stops doing so.
    pub fn set_down(&self, is_down: bool) {
        self.shared.is_down.store(is_down, Ordering::SeqCst);
    }

    /// How many exchanges there were.
    #[must_use]
    pub fn exchanges(&self) -> usize {
        self.shared.exchanges.load(Ordering::SeqCst)
    }

    /// How many requests arrived late, after others that were sent later.
    #[must_use]
    pub fn late(&self) -> usize {
        self.shared.late.load(Ordering::SeqCst)
    }

    /// Waits until no request is on its way any more.
    pub async fn settle() {
        tokio::time::sleep(LATE * 3).await;
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// One connection, with one exchange after another. An exchange begins with the first bytes after an answer.
async fn relay(mut client: TcpStream, shared: &Arc<Shared>) -> io::Result<()> {
    let mut server = TcpStream::connect(&shared.upstream).await?;
    let (mut asked, mut answered) = (vec![0; 64 << 10], vec![0; 64 << 10]);
    let mut request = Vec::new();
    let mut fate = Fate::Passes;
    let mut is_answering = true;
    loop {
        tokio::select! {
            length = client.read(&mut asked) => {
                let length = length?;
                if length == 0 || shared.is_down.load(Ordering::SeqCst) {
                    return Ok(());
                }
                if is_answering {
                    is_answering = false;
                    request.clear();
                    let number = shared.exchanges.fetch_add(1, Ordering::SeqCst);
                    fate = shared.fates[number % shared.fates.len()];
                }
                if fate == Fate::RequestLost {
                    return Ok(());
                }
                request.extend_from_slice(&asked[..length]);
                if fate == Fate::Overtaken {
                    if is_whole(&request) {
                        tokio::spawn(deliver_late(request, Arc::clone(shared)));
                        return Ok(());
                    }
                    continue;
                }
                server.write_all(&asked[..length]).await?;
            }
            length = server.read(&mut answered) => {
                let length = length?;
                if length == 0 {
                    return Ok(());
                }
                if !is_answering {
                    is_answering = true;
                    match fate {
                        Fate::AnswerLost => return Ok(()),
                        Fate::SentTwice => return again(client, &request, shared).await,
                        Fate::Late => tokio::time::sleep(Duration::from_millis(200)).await,
                        Fate::Echoed => {
                            tokio::spawn(deliver_late(request.clone(), Arc::clone(shared)));
                        }
                        Fate::Passes | Fate::RequestLost | Fate::Overtaken => {}
                    }
                }
                client.write_all(&answered[..length]).await?;
            }
        }
    }
}

/// Whether a request has its head and all of its body.
fn is_whole(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request);
    let Some((head, _)) = text.split_once("\r\n\r\n") else { return false };
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
    });
    request.len() >= head.len() + 4 + length.unwrap_or(0)
}

/// Lets a request arrive late. Nobody waits for its answer any more.
async fn deliver_late(request: Vec<u8>, shared: Arc<Shared>) -> io::Result<()> {
    tokio::time::sleep(LATE).await;
    let mut server = TcpStream::connect(&shared.upstream).await?;
    server.write_all(&request).await?;
    let mut answered = vec![0; 64 << 10];
    if server.read(&mut answered).await? > 0 {
        shared.late.fetch_add(1, Ordering::SeqCst);
    }
    Ok(())
}

/// Sends a request a second time, and gives that answer, at whose end the connection is cut.
async fn again(mut client: TcpStream, request: &[u8], shared: &Shared) -> io::Result<()> {
    let mut server = TcpStream::connect(&shared.upstream).await?;
    server.write_all(request).await?;
    let mut answered = vec![0; 64 << 10];
    // There is no telling where the answer ends without reading HTTP; on this machine nothing comes after a pause.
    let mut pause = Duration::from_secs(10);
    while let Ok(length) = tokio::time::timeout(pause, server.read(&mut answered)).await {
        match length? {
            0 => break,
            length => client.write_all(&answered[..length]).await?,
        }
        pause = Duration::from_millis(100);
    }
    Ok(())
}
