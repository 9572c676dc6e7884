//! TLS, WebSocket and Unix sockets before a broker that follows a script.

use std::sync::Arc;

use wirework::mqtt::{
    LinkError, LinkState, MqttConnection, MqttError, PublishOptions, TlsConfig, TlsError, TlsPem,
};
use wirework::{Category, Error};

use crate::common::context;
use crate::support::certificates::{Authority, Identity};
use crate::support::fake_broker::{FakeBroker, PubAck};
use crate::support::front::Front;
use crate::support::within;

/// A connection to a port, with further keys.
fn to(uri: &str, more: &[(&str, &str)]) -> Arc<MqttConnection> {
    let mut pairs = vec![
        ("connection.uri", uri),
        ("options.reconnect_timeout", "10"),
        ("options.max_reconnect_timeout", "20"),
    ];
    pairs.extend_from_slice(more);
    Arc::new(MqttConnection::from_pairs(pairs).unwrap())
}

fn text(path: &std::path::Path) -> &str {
    path.to_str().unwrap()
}

/// Opening must fail at once: nothing that time could mend is wrong.
async fn refused(connection: &MqttConnection) -> Error {
    within("the failure", connection.open(&context())).await.unwrap_err()
}

#[tokio::test]
async fn tls_trusts_the_authority_of_the_file_and_offers_what_alpn_says() {
    let (broker, authority) = (FakeBroker::start().await, Authority::new());
    let front = Front::tls(broker.address(), &authority.broker("localhost"), None).await;
    let (ca, uri) = (authority.ca_file(), format!("mqtts://localhost:{}", front.port));
    let connection = to(&uri, &[("tls.ca_file", text(&ca)), ("tls.alpn.0", "mqtt")]);
    let context = context();
    let (opened, (mut peer, _)) = tokio::join!(connection.open(&context), broker.accept_session(false));
    opened.unwrap();
    assert_eq!(*front.seen.lock().unwrap(), ["mqtt"]);
    let client = connection.client().unwrap();
    assert!(matches!(&*client.state().borrow(), LinkState::Up { endpoint, .. } if **endpoint == *uri));
    // More than TLS and both sockets hold.
    let payload = vec![7; 8 * 1024 * 1024];
    let delivery = client.send("t", payload.clone(), PublishOptions::at_least_once()).await.unwrap();
    let publish = peer.expect_publish().await;
    assert!(publish.payload == payload);
    peer.send(PubAck::new(publish.pkid)).await;
    within("the delivery", delivery).await.unwrap();
    let (closed, ()) = tokio::join!(connection.close(&context), peer.expect_disconnect());
    closed.unwrap();
}

#[tokio::test]
async fn a_broker_that_is_not_to_be_trusted_is_refused_at_once() {
    let (broker, authority, other) = (FakeBroker::start().await, Authority::new(), Authority::new());
    let (ca, wrong_ca) = (authority.ca_file(), other.ca_file());
    let (ca, wrong_ca) = (text(&ca), text(&wrong_ca));
    let cases = [
        (
            authority.broker("localhost"),
            wrong_ca,
            "is vouched for by nobody who is trusted here",
            "`tls.ca_file` must hold",
        ),
        (authority.broker("broker.test"), ca, "is for `broker.test` only", "give it as `tls.server_name`"),
        (
            authority.expired_broker("localhost"),
            ca,
            "expired on 2001-01-01T00:00:00Z",
            "TLS with `localhost` failed",
        ),
    ];
    for (identity, ca, cause, advice) in cases {
        let front = Front::tls(broker.address(), &identity, None).await;
        let error = refused(&to(&format!("mqtts://localhost:{}", front.port), &[("tls.ca_file", ca)])).await;
        let shown = error.chain();
        assert!(shown.contains(cause) && shown.contains(advice), "{shown}");
        assert_eq!((error.code(), error.category()), ("CONNECT_FAILED", Category::NoResponse));
    }
}

#[tokio::test]
async fn the_name_of_the_certificate_can_be_told() {
    let (broker, authority) = (FakeBroker::start().await, Authority::new());
    let front = Front::tls(broker.address(), &authority.broker("broker.test"), None).await;
    let (ca, uri) = (authority.ca_file(), format!("ssl://127.0.0.1:{}", front.port));
    let connection = to(&uri, &[("tls.ca_file", text(&ca)), ("tls.server_name", "broker.test")]);
    let context = context();
    let (opened, _peer) = tokio::join!(connection.open(&context), broker.accept_session(false));
    opened.unwrap();
}

#[tokio::test]
async fn a_client_is_known_by_its_certificate() {
    let (broker, authority) = (FakeBroker::start().await, Authority::new());
    let front = Front::tls(broker.address(), &authority.broker("127.0.0.1"), Some(&authority)).await;
    let (ca, uri) = (authority.ca_file(), format!("mqtts://127.0.0.1:{}", front.port));
    let error = refused(&to(&uri, &[("tls.ca_file", text(&ca))])).await.chain();
    assert!(
        error.contains("wants a certificate of this client; give this client one: `tls.cert_file`"),
        "{error}"
    );
    let stranger = Authority::new().client("stranger");
    let error = refused(&mutual(&uri, &authority, &stranger)).await.chain();
    assert!(error.contains("cannot be read"), "the directory of the stranger is gone: {error}");
    let strangers = Authority::new();
    let error = refused(&mutual(&uri, &authority, &strangers.client("stranger"))).await.chain();
    assert!(
        error.contains(
            "the server does not know the authority of this client's certificate (`tls.cert_file`)"
        ),
        "{error}"
    );
    let connection = mutual(&uri, &authority, &authority.client("me"));
    let context = context();
    let (opened, _peer) = tokio::join!(connection.open(&context), broker.accept_session(false));
    opened.unwrap();
}

fn mutual(uri: &str, authority: &Authority, client: &Identity) -> Arc<MqttConnection> {
    let ca = authority.ca_file();
    let files = [
        ("tls.ca_file", text(&ca)),
        ("tls.cert_file", text(&client.cert_file)),
        ("tls.key_file", text(&client.key_file)),
    ];
    to(uri, &files)
}

#[tokio::test]
async fn certificates_and_key_may_be_in_memory() {
    let (broker, authority) = (FakeBroker::start().await, Authority::new());
    let front = Front::tls(broker.address(), &authority.broker("127.0.0.1"), Some(&authority)).await;
    let uri: wirework::connect::Uri = format!("mqtts://127.0.0.1:{}", front.port).parse().unwrap();
    let read = |path: &std::path::Path| std::fs::read_to_string(path).unwrap();
    let mine = authority.client("me");
    let (ca, cert, key) = (read(&authority.ca_file()), read(&mine.cert_file), read(&mine.key_file));
    let builder = |pem: TlsPem| {
        MqttConnection::builder().uri(uri.clone()).tls(TlsConfig { pem, ..TlsConfig::default() })
    };
    let trusting = TlsPem::default().authorities(ca);
    let opening = builder(trusting.clone().identity(cert.clone(), key)).open();
    let (opened, _peer) = tokio::join!(opening, broker.accept_session(false));
    let connection = opened.unwrap();
    assert!(connection.is_open());
    let error = builder(trusting.clone().identity(cert.clone(), cert)).open().await.err().unwrap();
    let expected =
        "`TlsPem`: the text given for the private key holds no private key in PEM, but certificate";
    assert!(error.chain().contains(expected), "{}", error.chain());
    let strange = Authority::new();
    let stranger = strange.client("stranger");
    let (cert, key) = (read(&stranger.cert_file), read(&stranger.key_file));
    let error = builder(trusting.identity(cert, key)).open().await.err().unwrap();
    assert!(error.chain().contains("this client's certificate (`TlsPem::identity`)"), "{}", error.chain());
    let strange = read(&strange.ca_file());
    let error = builder(TlsPem::default().authorities(strange)).open().await.err().unwrap();
    assert!(error.chain().contains("`TlsPem::authorities` must hold the "), "{}", error.chain());
    assert!(!error.chain().contains("ca_file"), "{}", error.chain());
}

#[tokio::test]
async fn renewed_files_are_used_from_the_next_link_on() {
    let (broker, old, new) = (FakeBroker::start().await, Authority::new(), Authority::new());
    let front = Front::tls(broker.address(), &old.broker("127.0.0.1"), Some(&old)).await;
    let mine = old.client("me");
    let connection = mutual(&format!("mqtts://127.0.0.1:{}", front.port), &old, &mine);
    let context = context();
    let (opened, (peer, _)) = tokio::join!(connection.open(&context), broker.accept_session(false));
    opened.unwrap();
    // The broker changes first; until the files follow, every attempt fails and is made again.
    front.renew(&new.broker("127.0.0.1"), Some(&new));
    peer.reset();
    let mut state = connection.client().unwrap().state();
    let distrust = |state: &LinkState| matches!(state, LinkState::Down(LinkError::Tls(error)) if matches!(**error, TlsError::Handshake { .. }));
    within("the distrust", state.wait_for(distrust)).await.unwrap();
    new.write_to(&old.ca_file());
    let renewed = new.client("me");
    std::fs::copy(renewed.key_file, mine.key_file).unwrap();
    std::fs::copy(renewed.cert_file, mine.cert_file).unwrap();
    let _peer = broker.accept_session(false).await;
    within("the link", state.wait_for(|state| matches!(state, LinkState::Up { .. }))).await.unwrap();
}

#[tokio::test]
async fn files_that_cannot_be_used_are_named_at_once() {
    let (authority, directory) = (Authority::new(), tempfile::tempdir().unwrap());
    let (one, other) = (authority.client("one"), authority.client("other"));
    let (ca, missing) = (authority.ca_file(), directory.path().join("missing.pem"));
    let (ca, missing) = (text(&ca), text(&missing));
    let cases = [
        (
            vec![("tls.ca_file", missing)],
            format!("`tls.ca_file`: the file `{missing}` cannot be read: No such"),
        ),
        (
            vec![("tls.ca_file", text(&one.key_file))],
            "holds no certificate in PEM, but private key".to_owned(),
        ),
        (
            vec![("tls.cert_file", text(&one.cert_file)), ("tls.key_file", text(&one.cert_file))],
            "`tls.key_file`: the file".to_owned(),
        ),
        (
            vec![("tls.cert_file", text(&one.cert_file)), ("tls.key_file", text(&other.key_file))],
            "the certificate is of another key; the first certificate of the file must be".to_owned(),
        ),
        (vec![("tls.ca_file", ca), ("tls.server_name", "a b")], "`a b` is neither a host name".to_owned()),
    ];
    for (pairs, expected) in cases {
        let mut pairs = pairs;
        if pairs.len() == 2 && !pairs.iter().any(|(key, _)| *key == "tls.ca_file") {
            pairs.push(("tls.ca_file", ca));
        }
        let error = refused(&to("mqtts://127.0.0.1:1", &pairs)).await;
        assert!(error.chain().contains(&expected), "{}", error.chain());
        let found = error.downcast_ref::<MqttError>().unwrap();
        assert!(matches!(found, MqttError::ConnectFailed { source: LinkError::Tls(_), .. }), "{found:?}");
        assert_eq!(error.category(), Category::Misconfiguration);
    }
}

#[tokio::test]
async fn a_port_without_tls_is_named() {
    let broker = FakeBroker::start().await;
    let connection = to(&format!("mqtts://127.0.0.1:{}", broker.port()), &[]);
    let script = async {
        let mut peer = broker.accept().await;
        peer.send_raw(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
        peer
    };
    let (error, _peer) = tokio::join!(refused(&connection), script);
    assert!(error.chain().contains("does it speak TLS at this port?"), "{}", error.chain());
}

/// Packets cross message bounds in both directions, and the link ends in good order.
async fn carries(broker: &FakeBroker, front: &Front, connection: &MqttConnection, expected: &str) {
    let context = context();
    let (opened, (mut peer, _)) = tokio::join!(connection.open(&context), broker.accept_session(false));
    opened.unwrap();
    assert_eq!(front.seen.lock().unwrap().last().unwrap(), expected);
    let client = connection.client().unwrap();
    let payload = vec![7; 1024 * 1024];
    let delivery = client.send("t", payload.clone(), PublishOptions::at_least_once()).await.unwrap();
    let publish = peer.expect_publish().await;
    assert!(publish.payload == payload);
    peer.send(PubAck::new(publish.pkid)).await;
    within("the delivery", delivery).await.unwrap();
    let script = async {
        peer.expect_disconnect().await;
        peer
    };
    let (closed, _peer) = tokio::join!(connection.close(&context), script);
    closed.unwrap();
}

#[tokio::test]
async fn websocket_carries_mqtt() {
    let broker = FakeBroker::start().await;
    let front = Front::websocket(broker.address()).await;
    let uri = format!("ws://127.0.0.1:{}", front.port);
    carries(&broker, &front, &to(&uri, &[]), "/mqtt mqtt").await;
    let uri = format!("{uri}/a/b?token=x%26y");
    carries(&broker, &front, &to(&uri, &[]), "/a/b?token=x%26y mqtt").await;
}

#[tokio::test]
async fn websocket_within_tls_carries_mqtt() {
    let (broker, authority) = (FakeBroker::start().await, Authority::new());
    let front = Front::secure_websocket(broker.address(), &authority.broker("127.0.0.1")).await;
    let ca = authority.ca_file();
    let connection = to(&format!("wss://127.0.0.1:{}/x", front.port), &[("tls.ca_file", text(&ca))]);
    carries(&broker, &front, &connection, "/x mqtt").await;
}

#[tokio::test]
async fn a_web_server_without_websocket_is_named() {
    let broker = FakeBroker::start().await;
    let more = [("options.retry_connect", "false")];
    let connection = to(&format!("ws://127.0.0.1:{}/nowhere?key=canary", broker.port()), &more);
    let script = async {
        let mut peer = broker.accept().await;
        peer.send_raw(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n").await;
        peer
    };
    let (error, _peer) = tokio::join!(refused(&connection), script);
    let shown = error.chain();
    assert!(shown.contains("404 Not Found instead of speaking WebSocket; is the path"), "{shown}");
    assert!(shown.contains("/nowhere") && !shown.contains("canary"), "{shown}");
}

#[cfg(unix)]
#[tokio::test]
async fn a_unix_socket_carries_mqtt() {
    let (broker, directory) = (FakeBroker::start().await, tempfile::tempdir().unwrap());
    let path = directory.path().join("broker of mine.sock");
    let listener = tokio::net::UnixListener::bind(&path).unwrap();
    let address = broker.address();
    let front = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut broker = tokio::net::TcpStream::connect(address).await.unwrap();
        // However it ends, it ends.
        let _ = tokio::io::copy_bidirectional(&mut stream, &mut broker).await;
    });
    let connection = to(&format!("unix://{}", text(&path).replace(' ', "%20")), &[]);
    let context = context();
    let (opened, (mut peer, _)) = tokio::join!(connection.open(&context), broker.accept_session(false));
    opened.unwrap();
    let (closed, ()) = tokio::join!(connection.close(&context), peer.expect_disconnect());
    closed.unwrap();
    drop(peer);
    front.await.unwrap();
    let gone = to("unix:///no/such/socket", &[("options.retry_connect", "false")]);
    let chain = refused(&gone).await.chain();
    assert!(chain.contains("connecting to the Unix socket failed: the folder `/no` is not there"), "{chain}");
}
