//! Collectors that speak TLS.

use std::time::Duration;

use crate::sender::Sender;
use crate::support::certificates::Authority;
use crate::support::collector::Collector;
use crate::support::front::Front;

#[tokio::test]
async fn telemetry_goes_to_a_collector_that_is_trusted_and_to_no_other() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let collector = Collector::start([]).await;
    let client = authority.client("service");
    let front = Front::tls(collector.address, &authority.broker("localhost"), Some(&authority)).await;
    let config = |ca: &Authority| {
        format!(
            "connection.uri = 'https://localhost:{}'\ntls = {{ ca_file = '{}', cert_file = '{}', key_file = '{}' }}\n\
             options = {{ batch_delay = '5ms', retry_delay = '5ms', max_retry_delay = '5ms', retry_timeout = '50ms' }}",
            front.port,
            ca.ca_file().display(),
            client.cert_file.display(),
            client.key_file.display()
        )
    };
    let sender = Sender::with(&config(&authority)).await;
    sender.log(3);
    sender.counted("sent", 3).await;
    assert_eq!(collector.requests(1).await[0].path, "/v1/logs");
    sender.close(Duration::from_secs(60)).await;

    let sender = Sender::with(&config(&stranger)).await;
    sender.log(3);
    sender.counted("dropped", 3).await;
    sender.close(Duration::from_secs(60)).await;
    assert_eq!((sender.count("sent"), collector.requests(1).await.len()), (0, 1));
}
