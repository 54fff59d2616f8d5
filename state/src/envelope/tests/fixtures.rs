//! What earlier builds wrote can be read. A format that changes gets a new directory; the old ones stay.

use super::*;

/// Of the documentation of age; nobody's.
const IDENTITY: &str = "AGE-SECRET-KEY-1GQ9778VQXMMJVE8SK7J6VT8UJ4HDQAJUVSFCWCM02D8GEWQ72PVQ2Y5J33";

#[tokio::test]
async fn the_first_format_opens() {
    let memory = Arc::new(Memory::default());
    memory.plant(SETTINGS_KEY, include_bytes!("fixtures/v1/store.json"));
    memory.plant(STATE, include_bytes!("fixtures/v1/state.sealed"));
    memory.plant(HISTORY, include_bytes!("fixtures/v1/history.sealed"));
    let store: Arc<dyn Store> = memory;
    let by_passphrase = Secrets::new().with_passphrase(passphrase(PASSPHRASE)).unwrap();
    for secrets in [by_passphrase, holding(&passphrase(IDENTITY)), services(false)] {
        let opened = sealed(&store, &secrets);
        assert_eq!(read(&opened, STATE).await.unwrap().unwrap(), b"{\"serial\": 2}\n");
        assert_eq!(read(&opened, HISTORY).await.unwrap().unwrap(), b"{\"serial\": 1}\n");
        assert_eq!(opened.retention().await.unwrap(), Retention { keep_last: Some(100), keep_days: Some(90) });
    }
}
