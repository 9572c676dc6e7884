//! MQTT 5: a broker, or whoever answers in its place, sends clients to a server that collects what they show.

use std::sync::{Arc, Mutex};

use tokio::net::TcpListener;
use wirework::mqtt::{LinkState, MqttConnection, MqttError, TlsConfig};

use crate::lines::Lines;
use crate::support::certificates::Authority;
use crate::support::fake_broker::{FakeBroker, Peer, V5};
use crate::support::front::Front;
use crate::support::within;

fn context() -> wirework::component::Context {
    wirework::component::Context::standalone("pip-services:connection:mqtt:test:1.0".parse().unwrap())
}

fn connection(uri: &str, more: &[(&str, &str)]) -> MqttConnection {
    let pairs = [
        ("connection.uri", uri),
        ("options.protocol_version", "5"),
        ("options.reconnect_timeout", "10"),
        ("options.max_reconnect_timeout", "20"),
    ];
    MqttConnection::from_pairs(pairs.iter().chain(more).copied()).unwrap()
}

/// The property that names another server.
fn reference(server: &str) -> Vec<u8> {
    let size = u8::try_from(server.len()).unwrap();
    [&[size + 3, 0x1c, 0, size], server.as_bytes()].concat()
}

/// CONNACK that sends the client there.
fn elsewhere(code: u8, server: &str) -> Vec<u8> {
    let property = reference(server);
    [&[0x20, u8::try_from(property.len() + 2).unwrap(), 0, code], &property[..]].concat()
}

async fn send_on(peer: &mut Peer<V5>, code: u8, server: &str) {
    peer.send_raw(&elsewhere(code, server)).await;
}

/// Whether anybody has come to a listener.
async fn nobody_came(evil: &FakeBroker) {
    // Whoever would have come has: the client has given up, or is somewhere else.
    assert!(futures_util::FutureExt::now_or_never(evil.accept()).is_none(), "the client came");
}

#[tokio::test]
async fn by_default_no_reference_is_followed_and_the_log_says_which_key_would() {
    let lines = Lines::default();
    let _guard = lines.collect();
    for code in [0x9c, 0x9d] {
        let (broker, evil) = (FakeBroker::start().await, FakeBroker::start().await);
        let connection = connection(&format!("mqtt://ann:secret@127.0.0.1:{}", broker.port()), &[]);
        let there = format!("127.0.0.1:{}", evil.port());
        let context = context();
        let (opened, ()) = tokio::join!(within("the failure", connection.open(&context)), async {
            send_on(&mut broker.accept_connect5().await.0, code, &there).await;
        });
        let error = opened.unwrap_err();
        assert!(matches!(error.downcast_ref(), Some(MqttError::Refused { code: said, .. }) if *said == code));
        assert!(error.chain().contains("`options.redirects`"), "{}", error.chain());
        nobody_came(&evil).await;
        let line = lines.find(&format!("sends its clients to `{there}`"));
        assert!(line.contains("`options.redirects` is `none`") && line.contains("redirect_hosts"), "{line}");
    }
}

#[tokio::test]
async fn a_live_link_is_not_led_away_either() {
    let (broker, evil) = (FakeBroker::start().await, FakeBroker::start().await);
    let uri = format!("mqtt://ann:secret@127.0.0.1:{}", broker.port());
    let more = [("options.redirects", "listed"), ("options.redirect_hosts.0", "broker.example")];
    let connection = connection(&uri, &more);
    let context = context();
    let (opened, (mut peer, _)) = tokio::join!(connection.open(&context), broker.accept_session5(false));
    opened.unwrap();
    let property = reference(&format!("127.0.0.1:{}", evil.port()));
    let head = [0xe0, u8::try_from(property.len() + 1).unwrap(), 0x9c];
    peer.send_raw(&[&head[..], &property[..]].concat()).await;
    drop(peer);
    // It comes back to the broker that it was given.
    let _peer = broker.accept_session5(false).await;
    let mut state = connection.client().unwrap().state();
    let up = within("the link", state.wait_for(|state| matches!(state, LinkState::Up { .. }))).await;
    drop(up);
    nobody_came(&evil).await;
}

/// The names are two, the host is one: credentials go by the name that the manifest lists.
#[tokio::test]
async fn a_host_that_is_not_listed_is_shown_no_credentials() {
    for (name, shown) in [("localhost", false), ("127.0.0.1", true)] {
        let (broker, other) = (FakeBroker::start().await, FakeBroker::start().await);
        let uri = format!("mqtt://ann:secret@127.0.0.1:{}", broker.port());
        let more = [("options.redirects", "any"), ("options.redirect_hosts.0", "127.0.0.1")];
        let connection = connection(&uri, &more);
        let context = context();
        let (opened, login) = tokio::join!(connection.open(&context), async {
            send_on(&mut broker.accept_connect5().await.0, 0x9c, &format!("{name}:{}", other.port())).await;
            let mut peer = other.accept_as::<V5>().await;
            let login = match peer.next("CONNECT").await {
                Some(crate::support::fake_broker::five::Packet::Connect(_, _, login)) => login,
                packet => panic!("no CONNECT: {packet:?}"),
            };
            peer.send_raw(&[0x20, 3, 0, 0, 0]).await;
            (login, peer)
        });
        opened.unwrap();
        assert_eq!(login.0.is_some(), shown, "{name}");
    }
}

/// What the first bytes of a connection are.
async fn first_bytes(listener: &TcpListener) -> Vec<u8> {
    let (mut stream, _) = within("a connection", listener.accept()).await.unwrap();
    let mut bytes = vec![0; 3];
    within("bytes", tokio::io::AsyncReadExt::read_exact(&mut stream, &mut bytes)).await.unwrap();
    bytes
}

#[tokio::test]
async fn tls_stays_and_the_certificate_must_have_the_name_of_the_new_host() {
    let authority = Authority::new();
    let identity = authority.broker("broker.example");
    let (behind, other) = (FakeBroker::start().await, FakeBroker::start().await);
    let front = Front::tls(behind.address(), &identity, None).await;
    // It has a certificate that is good, of another name than its own.
    let impostor = Front::tls(other.address(), &identity, None).await;
    let plain = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let plain_port = plain.local_addr().unwrap().port();
    for (reference, to_plain) in
        [(format!("mqtt://127.0.0.1:{plain_port}"), true), (format!("127.0.0.1:{}", impostor.port), false)]
    {
        let tls = TlsConfig {
            ca_file: Some(authority.ca_file().into()),
            // The name of the broker that was given, and of no other.
            server_name: Some("broker.example".into()),
            ..TlsConfig::default()
        };
        let mut config: wirework::mqtt::MqttConfig = wirework::config::from_pairs([
            ("connection.uri", format!("mqtts://ann:secret@127.0.0.1:{}", front.port).as_str()),
            ("options.protocol_version", "5"),
            ("options.redirects", "listed"),
            ("options.redirect_hosts.0", "127.0.0.1"),
            ("options.retry_connect", "false"),
        ])
        .unwrap();
        config.tls = tls;
        let connection = MqttConnection::builder().config(config).build().unwrap();
        let context = context();
        let script = async {
            send_on(&mut behind.accept_connect5().await.0, 0x9d, &reference).await;
            if to_plain { Some(first_bytes(&plain).await) } else { None }
        };
        let (opened, bytes) = tokio::join!(within("the failure", connection.open(&context)), script);
        opened.unwrap_err();
        if let Some(bytes) = bytes {
            assert_eq!(bytes[..2], [0x16, 0x03], "a TLS handshake and no CONNECT");
        }
    }
    assert!(impostor.seen.lock().unwrap().is_empty(), "no handshake was finished");
    nobody_came(&other).await;
}

#[tokio::test]
async fn references_full_of_control_characters_reach_no_log() {
    let lines = Lines::default();
    let _guard = lines.collect();
    let broker = FakeBroker::start().await;
    let connection = connection(&format!("mqtt://127.0.0.1:{}", broker.port()), &[]);
    let context = context();
    let (opened, ()) = tokio::join!(within("the failure", connection.open(&context)), async {
        send_on(&mut broker.accept_connect5().await.0, 0x9c, "a\u{1b}]0;x\u{7}\u{202e}").await;
    });
    opened.unwrap_err();
    let line = lines.find("which is not followed");
    assert!(!line.contains(wirework::text::is_unsafe), "{line:?}");
}

#[tokio::test]
async fn any_number_of_references_is_bounded_in_attempts() {
    let broker = FakeBroker::start().await;
    let uri = format!("mqtt://127.0.0.1:{}", broker.port());
    let more = [("options.redirects", "any"), ("options.retry_connect", "false")];
    let connection = connection(&uri, &more);
    let context = context();
    let attempts = Arc::new(Mutex::new(0));
    let ring = async {
        loop {
            let (mut peer, _) = broker.accept_connect5().await;
            *attempts.lock().unwrap() += 1;
            let there = format!("localhost:{}", broker.port());
            send_on(&mut peer, 0x9c, &there).await;
        }
    };
    tokio::select! {
        opened = within("the failure", connection.open(&context)) => drop(opened.unwrap_err()),
        () = ring => {}
    }
    assert_eq!(*attempts.lock().unwrap(), 5);
}
