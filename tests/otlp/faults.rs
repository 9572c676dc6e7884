//! Collectors that are away, slow, busy or wrong: what is lost is counted, nobody waits, and closing ends in time.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use wirework::log::{Level, LogSink, Record};

use crate::sender::{Sender, identity};
use crate::support::collector::{Answer, Collector};
use crate::support::within;

/// Longer than a test may take: what waits for it fails.
const LONG: Duration = Duration::from_secs(3_600);

#[tokio::test]
async fn records_go_in_batches_compressed_with_their_headers() {
    let collector = Collector::start([]).await;
    let config = format!(
        "connection.uri = '{}/base/?k=v'\ncredential.parameters = {{ x-key = 'secret' }}\n\
         resource = {{ 'deployment.environment.name' = 'test' }}\noptions = {{ batch_records = 100, batch_delay = '10ms' }}",
        collector.uri()
    );
    let sender = Sender::with(&config).await;
    sender.log(250);
    sender.counted("sent", 250).await;
    let requests = collector.requests(3).await;
    let counts: Vec<_> = requests.iter().map(|request| request.records().len()).collect();
    assert_eq!(counts, [100, 100, 50]);
    for request in &requests {
        assert_eq!(request.path, "/base/v1/logs?k=v");
        assert_eq!(
            (&request.headers["x-key"], &request.headers["content-type"]),
            (&"secret".parse().unwrap(), &"application/x-protobuf".parse().unwrap())
        );
        assert!(request.length < request.body.len() / 3, "{} of {}", request.length, request.body.len());
        for part in ["deployment.environment.name", "service.name", "standalone", "service.instance.id"] {
            assert!(request.has(part), "{part}");
        }
    }
    sender.close(LONG).await;
    assert_eq!(sender.count("dropped"), 0);
}

#[tokio::test]
async fn what_is_left_goes_at_the_close() {
    let collector = Collector::start([]).await;
    let config = format!("connection.uri = '{}'\noptions.batch_delay = '1h'", collector.uri());
    let sender = Sender::with(&config).await;
    sender.log(7);
    sender.close(LONG).await;
    assert_eq!((sender.count("sent"), collector.requests(1).await[0].records().len()), (7, 7));
    sender.log(1);
    assert_eq!(sender.count("dropped"), 1, "it is closed");
}

#[tokio::test]
async fn a_collector_that_is_away_keeps_nobody() {
    let port = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let config = format!(
        "connection.uri = 'http://127.0.0.1:{port}'\noptions = {{ close_timeout = '1h', max_queued_records = 2000 }}"
    );
    let sender = Sender::with(&config).await;
    sender.log(5_000);
    // It would wait for as long as it is let.
    sender.close(LONG).await;
    assert_eq!((sender.count("sent"), sender.count("dropped")), (0, 5_000));
}

#[tokio::test]
async fn a_collector_that_never_answers_keeps_nobody_beyond_the_deadline() {
    let collector = Collector::start([Answer::Silence]).await;
    let config = format!(
        "connection.uri = '{}'\noptions = {{ batch_delay = 0, timeout = '1h', close_timeout = '50ms' }}",
        collector.uri()
    );
    let sender = Sender::with(&config).await;
    sender.log(3);
    collector.requests(1).await;
    sender.log(3);
    sender.close(LONG).await;
    assert_eq!((sender.count("sent"), sender.count("dropped")), (0, 6));
    // The deadline of the service counts where it is earlier.
    let collector = Collector::start([Answer::Silence]).await;
    let config = format!(
        "connection.uri = '{}'\noptions = {{ batch_delay = 0, timeout = '1h', close_timeout = '1h' }}",
        collector.uri()
    );
    let sender = Sender::with(&config).await;
    sender.log(3);
    collector.requests(1).await;
    sender.close(Duration::from_millis(100)).await;
    assert_eq!(sender.count("dropped"), 3);
}

#[tokio::test]
async fn a_slow_answer_is_no_answer() {
    let collector = Collector::start([Answer::Silence]).await;
    let config = format!(
        "connection.uri = '{}'\noptions = {{ batch_delay = 0, timeout = '50ms', retry_delay = '10ms' }}",
        collector.uri()
    );
    let sender = Sender::with(&config).await;
    sender.log(1);
    sender.counted("sent", 1).await;
    assert_eq!(
        (collector.requests(2).await.len(), sender.count("retried"), sender.count("dropped")),
        (2, 1, 0)
    );
    sender.close(LONG).await;
}

#[tokio::test]
async fn a_busy_collector_is_left_alone_as_long_as_it_asks() {
    let answers = [429, 503].map(|status| Answer::Status(status, Some(1)));
    let more = [502, 504].map(|status| Answer::Status(status, None));
    let collector = Collector::start(answers.into_iter().chain(more)).await;
    let sender = Sender::to(&collector.uri()).await;
    sender.log(5);
    sender.counted("sent", 5).await;
    let requests = collector.requests(5).await;
    let waits: Vec<_> = requests.windows(2).map(|two| two[1].at - two[0].at).collect();
    assert!(waits[..2].iter().all(|wait| *wait >= Duration::from_secs(1)), "{waits:?}");
    assert!(requests.iter().all(|request| request.body == requests[0].body), "the same batch");
    assert_eq!((sender.count("retried"), sender.count("dropped")), (4, 0));
    sender.close(LONG).await;
}

#[tokio::test]
async fn closing_waits_for_a_collector_that_says_when_it_is_back() {
    let collector = Collector::start([Answer::Status(503, Some(1))]).await;
    let config = format!(
        "connection.uri = '{}'\noptions = {{ batch_delay = 0, close_timeout = '1h' }}",
        collector.uri()
    );
    let sender = Sender::with(&config).await;
    sender.log(1);
    collector.requests(1).await;
    sender.close(LONG).await;
    assert_eq!((sender.count("sent"), sender.count("dropped")), (1, 0));
    // And for none that would be back too late.
    let collector = Collector::start([Answer::Status(503, Some(3_000))]).await;
    let config = format!(
        "connection.uri = '{}'\noptions = {{ batch_delay = 0, close_timeout = '10s' }}",
        collector.uri()
    );
    let sender = Sender::with(&config).await;
    sender.log(1);
    collector.requests(1).await;
    sender.close(LONG).await;
    assert_eq!((sender.count("sent"), sender.count("dropped")), (0, 1));
}

#[tokio::test]
async fn a_refusal_is_final_and_a_part_is_counted() {
    let collector =
        Collector::start([Answer::Status(400, None), Answer::Status(401, None), Answer::Partly(2)]).await;
    let sender = Sender::to(&collector.uri()).await;
    for number in 1..=3 {
        sender.log(5);
        collector.requests(number).await;
    }
    sender.counted("rejected", 2).await;
    sender.close(LONG).await;
    assert_eq!((sender.count("sent"), sender.count("dropped"), sender.count("retried")), (3, 10, 0));
}

#[tokio::test]
async fn what_is_no_http_is_no_answer() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let uri = format!("http://{}", listener.local_addr().unwrap());
    let garbage = tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let _ = stream.read(&mut [0; 64]).await;
            let _ = stream.write_all(b"\x16\x03\x01 220 smtp.example ready\r\n\r\n").await;
        }
    });
    let config = format!(
        "connection.uri = '{uri}'\noptions = {{ batch_delay = 0, retry_delay = '5ms', max_retry_delay = '5ms', retry_timeout = '100ms' }}"
    );
    let sender = Sender::with(&config).await;
    sender.log(1);
    sender.counted("dropped", 1).await;
    assert!(sender.count("retried") > 0);
    sender.close(LONG).await;
    garbage.abort();
}

#[tokio::test]
async fn what_finds_no_room_is_counted_and_what_was_there_first_or_last_arrives() {
    for (overflow, first) in [("drop-oldest", "record 9"), ("drop-newest", "record 1")] {
        let collector = Collector::start([Answer::Silence]).await;
        let config = format!(
            "connection.uri = '{}'\noptions = {{ batch_delay = 0, timeout = '1s', retry_delay = '5ms', max_queued_records = 10, batch_records = 10, overflow = '{overflow}' }}",
            collector.uri()
        );
        let sender = Sender::with(&config).await;
        sender.log(1);
        collector.requests(1).await;
        sender.log(100);
        assert_eq!(sender.count("dropped"), 90, "{overflow}");
        sender.counted("sent", 11).await;
        let requests = collector.requests(3).await;
        assert!(requests[2].has(first) && requests[2].records().len() == 10, "{overflow}");
        sender.close(LONG).await;
    }
}

#[tokio::test]
async fn what_the_connection_logs_itself_is_not_sent() {
    let collector = Collector::start([]).await;
    let sender = Sender::to(&collector.uri()).await;
    let (own, other) = (identity(), "pip-services:connection:otlp:other:1.0".parse().unwrap());
    sender.logger.log(&Record::new(Level::Error, "own").with_component(&own));
    sender.logger.log(&Record::new(Level::Error, "theirs").with_component(&other));
    sender.close(LONG).await;
    let requests = collector.requests(1).await;
    assert_eq!((requests.len(), requests[0].records().len()), (1, 1));
    assert!(requests[0].has("theirs"));
}

/// Reads a request to its end.
async fn read_request(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes).to_lowercase();
        let length = text.split("content-length: ").nth(1).and_then(|rest| rest.lines().next()?.parse().ok());
        let ends = text.find("\r\n\r\n").map(|at| at + 4).zip(length);
        if ends.is_some_and(|(head, body): (usize, usize)| bytes.len() >= head + body) {
            return text;
        }
        assert!(stream.read_buf(&mut bytes).await.unwrap() > 0, "the request ends early: {text}");
    }
}

#[tokio::test]
async fn a_connection_that_was_kept_and_is_gone_is_made_anew() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let uri = format!("http://{}", listener.local_addr().unwrap());
    let collector = tokio::spawn(async move {
        for _ in 0..3 {
            let (mut stream, _) = listener.accept().await.unwrap();
            read_request(&mut stream).await;
            // It does not say that it will close the connection, and closes it.
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await.unwrap();
        }
    });
    let sender = Sender::to(&uri).await;
    for number in 1..=3 {
        sender.log(1);
        sender.counted("sent", number).await;
    }
    within("three connections", collector).await.unwrap();
    assert_eq!((sender.count("retried"), sender.count("dropped")), (0, 0));
    sender.close(LONG).await;
}

#[tokio::test]
async fn a_connection_that_is_dropped_leaves_nothing_that_runs() {
    let port = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let sender =
        Sender::with(&format!("connection.uri = 'http://127.0.0.1:{port}'\noptions.batch_delay = 0")).await;
    let collector = Collector::start([Answer::Status(503, Some(3_000))]).await;
    let idle = Sender::to(&collector.uri()).await;
    sender.log(1);
    for one in [sender, idle] {
        let context = one.context.clone();
        drop(one);
        assert!(context.end_tasks(Duration::from_secs(30)).await.is_empty(), "it ends by itself");
    }
}
