//! How a connection begins and ends on its way through TLS and WebSocket, and where it ends before it has begun.

use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use wirework::Error;
use wirework::mqtt::{LinkError, LinkState, MqttConnection, MqttError, MqttMessage, SubscribeOptions};

use crate::common::{connection, context, opened, opened5, until};
use crate::support::certificates::{Authority, Identity};
use crate::support::fake_broker::{FakeBroker, QoS, message};
use crate::support::front::Front;
use crate::support::mosquitto::Mosquitto;
use crate::support::within;

fn to(uri: &str, more: &[(&str, &str)]) -> Arc<MqttConnection> {
    let mut pairs = vec![
        ("connection.uri", uri),
        ("options.reconnect_timeout", "10"),
        ("options.max_reconnect_timeout", "20"),
    ];
    pairs.extend_from_slice(more);
    Arc::new(MqttConnection::from_pairs(pairs).unwrap())
}

/// How opening fails in one attempt.
async fn failure(uri: &str, more: &[(&str, &str)]) -> String {
    let once = [("options.retry_connect", "false")];
    let connection = to(uri, &[&once, more].concat());
    within("the failure", connection.open(&context())).await.unwrap_err().chain()
}

#[tokio::test]
async fn a_close_while_connect_is_out_says_good_bye() {
    let broker = FakeBroker::start().await;
    let first = connection(&broker, &[("will.topic", "gone")]);
    let (opening, context) = (Arc::clone(&first), context());
    let opening = tokio::spawn(async move { opening.open(&crate::common::context()).await });
    let (mut peer, connect) = broker.accept_connect().await;
    assert!(connect.last_will.is_some());
    let (closed, ()) = tokio::join!(first.close(&context), peer.expect_disconnect());
    closed.unwrap();
    within("the end of opening", opening).await.unwrap().unwrap_err();

    let (second, peer) = opened(&broker, &[("will.topic", "gone")]).await;
    peer.reset();
    let (mut peer, _) = broker.accept_connect().await;
    let (closed, ()) = tokio::join!(second.close(&context), peer.expect_disconnect());
    closed.unwrap();

    let (third, peer) = opened5(&broker, &[("will.topic", "gone")], &[]).await;
    peer.reset();
    let (mut peer, _) = broker.accept_connect5().await;
    let (closed, ()) = tokio::join!(third.close(&context), peer.expect_disconnect());
    closed.unwrap();
}

#[tokio::test]
async fn what_was_read_before_a_link_that_is_not_retried_ends_is_delivered() {
    let broker = FakeBroker::start().await;
    let (connection, mut peer) = opened(&broker, &[("options.retry_connect", "false")]).await;
    let (sender, mut got) = tokio::sync::mpsc::unbounded_channel();
    let listener = Arc::new(move |message: MqttMessage| {
        let sender = sender.clone();
        async move {
            tokio::time::sleep(Duration::from_millis(1)).await;
            // A test that is over listens no more.
            let _ = sender.send(message.text().unwrap().to_owned());
            Ok(())
        }
    });
    let subscribed = connection.subscribe("t", SubscribeOptions::default(), listener);
    let (subscribed, _) = tokio::join!(subscribed, peer.grant());
    subscribed.unwrap();
    for number in 0..100 {
        peer.send(message("t", &number.to_string(), QoS::AtMostOnce, 0)).await;
    }
    peer.finish().await;
    let client = connection.client().unwrap();
    until(&client, |state| matches!(state, LinkState::Failed(_))).await;
    let all: Vec<String> = std::iter::from_fn(|| got.try_recv().ok()).collect();
    assert_eq!(all, (0..100).map(|number| number.to_string()).collect::<Vec<_>>());
}

/// Takes the next connection over WebSocket, and answers CONNECT with this.
async fn welcomed(listener: &TcpListener, connack: &[u8]) -> WebSocketStream<TcpStream> {
    let (stream, _) = within("a connection", listener.accept()).await.unwrap();
    #[allow(clippy::result_large_err, reason = "the library says so")]
    let answer = |_: &Request, mut response: Response| -> Result<Response, ErrorResponse> {
        response.headers_mut().insert("sec-websocket-protocol", HeaderValue::from_static("mqtt"));
        Ok(response)
    };
    let mut socket = tokio_tungstenite::accept_hdr_async(stream, answer).await.unwrap();
    socket.next().await.unwrap().unwrap();
    socket.send(Message::binary(connack.to_vec())).await.unwrap();
    socket
}

/// PUBLISH of QoS 1 with the id 7 to `big`, of 3 MB; `properties` is empty but in MQTT 5.
fn huge(properties: &[u8]) -> Vec<u8> {
    let body = 3_000_000;
    let size = 2 + 3 + 2 + properties.len() + body;
    let digits = [size & 0x7f | 0x80, (size >> 7) & 0x7f | 0x80, (size >> 14) & 0x7f | 0x80, size >> 21];
    let digits = digits.map(|digit| u8::try_from(digit).unwrap());
    [&[0x32][..], &digits, &[0, 3, b'b', b'i', b'g', 0, 7], properties, &vec![b'x'; body]].concat()
}

/// One message over WebSocket holds all of it, and a small one behind it.
#[tokio::test]
async fn a_message_over_websocket_that_is_too_large_is_read_past_as_over_tcp() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let uri = format!("ws://127.0.0.1:{}", listener.local_addr().unwrap().port());
    let connection = to(&uri, &[("options.max_packet_size", "20000")]);
    let context = context();
    let (opened, mut socket) = tokio::join!(connection.open(&context), welcomed(&listener, &[0x20, 2, 0, 0]));
    opened.unwrap();
    let (listener, mut heard) = crate::common::listener();
    let grant = async {
        let subscribe = within("SUBSCRIBE", socket.next()).await.unwrap().unwrap().into_data();
        let granted = vec![0x90, 3, subscribe[2], subscribe[3], 1];
        socket.send(Message::binary(granted)).await.unwrap();
    };
    let options = SubscribeOptions::at_least_once();
    let (granted, ()) = tokio::join!(connection.subscribe("#", options, listener), grant);
    granted.unwrap();
    let small = [0x32, 6, 0, 1, b'd', 0, 9, b'x'];
    socket.send(Message::binary([&huge(&[])[..], &small].concat())).await.unwrap();
    let mut answers = Vec::new();
    while answers.len() < 8 {
        answers.extend(within("PUBACK", socket.next()).await.unwrap().unwrap().into_data());
    }
    assert_eq!(answers, [0x40, 2, 0, 7, 0x40, 2, 0, 9]);
    assert_eq!(heard.line().await, "d x");
    assert!(heard.is_empty() && connection.client().unwrap().is_up());
}

#[tokio::test]
async fn on_5_a_message_over_websocket_that_is_too_large_is_named() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let uri = format!("ws://127.0.0.1:{}", listener.local_addr().unwrap().port());
    let connection = to(&uri, &[("options.max_packet_size", "20000"), ("options.protocol_version", "5")]);
    let context = context();
    let (opened, mut socket) =
        tokio::join!(connection.open(&context), welcomed(&listener, &[0x20, 3, 0, 0, 0]));
    opened.unwrap();
    let client = connection.client().unwrap();
    // The client ends the link before it has taken all of it.
    let down = until(&client, |state| matches!(state, LinkState::Down(_)));
    let (_, LinkState::Down(lost)) = tokio::join!(socket.send(Message::binary(huge(&[0]))), down) else {
        unreachable!("it is down")
    };
    assert!(matches!(&lost, LinkError::TooLarge { .. }), "{lost}");
}

#[tokio::test]
async fn a_close_frame_ends_the_link_at_once_and_says_why() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let uri = format!("ws://127.0.0.1:{}", listener.local_addr().unwrap().port());
    let script = async {
        let mut socket = welcomed(&listener, &[0x20, 2, 0, 0]).await;
        let frame = CloseFrame { code: CloseCode::Policy, reason: "too\u{1b}much".into() };
        socket.send(Message::Close(Some(frame))).await.unwrap();
        // The stream stays open.
        socket
    };
    let connection = to(&uri, &[("options.keepalive_timeout", "0")]);
    let context = context();
    let (opened, socket) = tokio::join!(connection.open(&context), script);
    opened.unwrap();
    let client = connection.client().unwrap();
    let LinkState::Down(lost) = until(&client, |state| matches!(state, LinkState::Down(_))).await else {
        unreachable!("it is down")
    };
    let shown = Error::from(MqttError::Down(lost)).chain();
    assert!(shown.contains("the broker closed the WebSocket with code 1008: too\\u{1b}much"), "{shown}");
    drop(socket);
}

#[tokio::test]
async fn path_and_query_go_out_as_they_are_written() {
    let broker = FakeBroker::start().await;
    let front = Front::websocket(broker.address()).await;
    for path in ["/mqtt?a=1&a=2&flag&b=", "/%7Ex?X-Amz-Signature=a%2Fb%2fc&z=1&b=~", "/"] {
        let connection = to(&format!("ws://127.0.0.1:{}{path}", front.port), &[]);
        let context = context();
        let (opened, (mut peer, _)) = tokio::join!(connection.open(&context), broker.accept_session(false));
        opened.unwrap();
        assert_eq!(front.seen.lock().unwrap().last().unwrap(), &format!("{path} mqtt"));
        let script = async {
            peer.expect_disconnect().await;
            peer
        };
        let (closed, _peer) = tokio::join!(connection.close(&context), script);
        closed.unwrap();
    }
}

#[tokio::test]
async fn an_upgrade_with_several_words_is_one() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let uri = format!("ws://127.0.0.1:{}", listener.local_addr().unwrap().port());
    let script = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            stream.read_buf(&mut request).await.unwrap();
        }
        let request = String::from_utf8(request).unwrap();
        let key = request.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Key: ")).unwrap();
        let head = format!(
            "HTTP/1.1 101 Switching Protocols\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Accept: {}\r\n\r\n",
            derive_accept_key(key.as_bytes())
        );
        // CONNACK comes with the head.
        let answer = [head.as_bytes(), &[0x82, 4, 0x20, 2, 0, 0]].concat();
        stream.write_all(&answer).await.unwrap();
        stream
    };
    let connection = to(&uri, &[]);
    let context = context();
    let (opened, _stream) = tokio::join!(connection.open(&context), script);
    opened.unwrap();
}

async fn self_signed(broker: &FakeBroker, identity: &Identity, host: &str) -> Result<(), String> {
    let front = Front::tls(broker.address(), identity, None).await;
    let own = identity.cert_file.to_str().unwrap().to_owned();
    let uri = format!("mqtts://{host}:{}", front.port);
    let connection = to(&uri, &[("tls.ca_file", &own), ("options.retry_connect", "false")]);
    let context = context();
    let script = async {
        let _peer = broker.accept_session(false).await;
        std::future::pending::<()>().await
    };
    tokio::select! {
        opened = connection.open(&context) => opened.map_err(|error| error.chain()),
        () = script => unreachable!("it never ends"),
    }
}

#[tokio::test]
async fn the_certificate_of_the_broker_itself_is_trusted_within_its_name_and_time() {
    let broker = FakeBroker::start().await;
    let (good, expired) =
        (Identity::self_signed("localhost", 4096), Identity::self_signed("localhost", 2001));
    self_signed(&broker, &good, "localhost").await.unwrap();
    let wrong = self_signed(&broker, &good, "127.0.0.1").await.unwrap_err();
    assert!(wrong.contains("is for `localhost` only"), "{wrong}");
    let late = self_signed(&broker, &expired, "localhost").await.unwrap_err();
    assert!(late.contains("expired"), "{late}");
    // Another one of the same name and making is not it.
    let other = Identity::self_signed("localhost", 4096);
    let front = Front::tls(broker.address(), &other, None).await;
    let own = good.cert_file.to_str().unwrap();
    let stranger = failure(&format!("mqtts://localhost:{}", front.port), &[("tls.ca_file", own)]).await;
    assert!(stranger.contains("TLS with `localhost` failed"), "{stranger}");
    // One that an authority has issued is trusted by itself too.
    let authority = Authority::new();
    self_signed(&broker, &authority.broker("localhost"), "localhost").await.unwrap();
}

#[tokio::test]
async fn tls_and_plain_mixed_up_at_mosquitto_are_named() {
    let authority = Authority::new();
    let identity = authority.broker("localhost");
    let settings = format!(
        "allow_anonymous true\ncafile {}\ncertfile {}\nkeyfile {}\n",
        authority.ca_file().display(),
        identity.cert_file.display(),
        identity.key_file.display()
    );
    let Some(secured) = Mosquitto::start_with(&settings).await else { return };
    let Some(plain) = Mosquitto::start().await else { return };
    let shown = failure(&format!("mqtt://localhost:{}", secured.port), &[]).await;
    assert!(shown.contains("TLS, for which the protocol is `mqtts`"), "{shown}");
    let ca = authority.ca_file();
    let shown =
        failure(&format!("mqtts://localhost:{}", plain.port), &[("tls.ca_file", ca.to_str().unwrap())]).await;
    assert!(shown.contains("does it speak TLS at this port?"), "{shown}");
}

#[tokio::test]
async fn an_answer_in_tls_is_known() {
    let broker = FakeBroker::start().await;
    let script = async {
        let (mut peer, _) = broker.accept_connect().await;
        peer.send_raw(&[0x15, 3, 1, 0, 2, 2, 70]).await;
        peer
    };
    let uri = format!("mqtt://127.0.0.1:{}", broker.port());
    let (shown, _peer) = tokio::join!(failure(&uri, &[]), script);
    assert!(shown.contains("this port speaks TLS, for which the protocol is `mqtts`"), "{shown}");
}

#[tokio::test]
async fn an_alert_that_ends_a_handshake_is_told_in_words() {
    let broker = FakeBroker::start().await;
    let script = async {
        let mut peer = broker.accept().await;
        peer.send_raw(&[0x15, 3, 3, 0, 2, 2, 70]).await;
        peer
    };
    let uri = format!("mqtts://127.0.0.1:{}", broker.port());
    let (shown, _peer) = tokio::join!(failure(&uri, &[]), script);
    let expected =
        "TLS with `127.0.0.1` failed: the server speaks neither TLS 1.2 nor 1.3; have it speak one of them";
    assert!(shown.contains(expected), "{shown}");
}
