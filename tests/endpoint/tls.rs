//! Endpoints that speak TLS, and whom they let in.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use tokio::io::AsyncReadExt;
use wirework::component::{Component, Context, Descriptor};
use wirework::config::{ConfigPath, Invalid};
use wirework::http::{HttpEndpoint, HttpEndpointConfig, HttpTlsConfig, ListenConfig, Protocol};

use super::gate::{Service, Step};
use super::recorder::Recorder;
use super::support::certificates::{Authority, Identity};
use super::support::http::Server;
use super::support::tls::{TlsClient, agreed};
use super::support::within;

fn descriptor() -> Descriptor {
    "pip-services:endpoint:http:default:1.0".parse().unwrap()
}

fn config(identity: &Identity, clients: Option<PathBuf>) -> HttpEndpointConfig {
    let path = |path: &PathBuf| Some(ConfigPath::from(path.clone()));
    HttpEndpointConfig {
        connection: Some(ListenConfig {
            protocol: Protocol::Https,
            port: Some(0),
            ..ListenConfig::default()
        }),
        tls: HttpTlsConfig {
            cert_file: path(&identity.cert_file),
            key_file: path(&identity.key_file),
            ca_file: clients.as_ref().and_then(path),
        },
        ..HttpEndpointConfig::default()
    }
}

/// An endpoint that is open, and its context.
async fn open(config: HttpEndpointConfig) -> (HttpEndpoint, Context) {
    let endpoint = HttpEndpoint::new(config).unwrap();
    let context = Context::standalone(descriptor());
    endpoint.open(&context).await.unwrap();
    (endpoint, context)
}

#[tokio::test]
async fn it_answers_within_tls_and_speaks_http_1_1_there() {
    let authority = Authority::new();
    let (endpoint, context) = open(config(&authority.broker("localhost"), None)).await;
    let address = endpoint.addresses()[0];
    for offered in [&[][..], &["http/1.1"], &["h2", "http/1.1"]] {
        let client = TlsClient::new(&authority, None, offered);
        let mut stream = client.connect(address, "localhost").await.unwrap();
        let agreed = agreed(&stream);
        assert_eq!(agreed.as_deref(), (!offered.is_empty()).then_some("http/1.1"));
        let answer = Server::converse(
            &mut stream,
            "GET /livez HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n",
        );
        assert_eq!(answer.await.unwrap().status, 200);
    }
    let only_h2 = TlsClient::new(&authority, None, &["h2"]).connect(address, "localhost").await.unwrap_err();
    assert!(only_h2.to_string().contains("NoApplicationProtocol"), "{only_h2}");
    // Without TLS nothing is answered.
    let plain = within("the end", Server::Tcp(address).get("/livez")).await;
    assert!(plain.is_err(), "{plain:?}");
    endpoint.close(&context).await.unwrap();
}

#[tokio::test]
async fn only_clients_of_the_authority_are_let_in_and_others_are_logged() {
    let (authority, other) = (Authority::new(), Authority::new());
    let identity = authority.broker("localhost");
    let service = Service::new(false);
    let recorder = Recorder::new();
    let more = format!(
        "[[component]]\ndescriptor = \"{}\"\n\
         [[component]]\ndescriptor = \"pip-services:endpoint:http:secure:1.0\"\n\
         connection = {{ protocol = \"https\", port = 0 }}\n\
         tls = {{ cert_file = {:?}, key_file = {:?}, ca_file = {:?} }}\n",
        "t:logger:recorder:a:1.0",
        identity.cert_file,
        identity.key_file,
        authority.ca_file()
    );
    service.gate.allow(Step::Closed);
    let container = service.host("", &more).factory(recorder.factory()).start().await.unwrap();
    let endpoint = container.get::<HttpEndpoint>(&"pip-services:endpoint:http:secure:1.0".parse().unwrap());
    let address = endpoint.unwrap().addresses()[0];

    let ask = async |client: TlsClient| {
        let mut stream = client.connect(address, "localhost").await?;
        Server::converse(&mut stream, "GET /readyz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
            .await
    };
    let own = authority.client("alice");
    assert_eq!(ask(TlsClient::new(&authority, Some(&own), &[])).await.unwrap().status, 200);
    // There is one line for many of them: that of the first is awaited here.
    let nobody = within("the end", ask(TlsClient::new(&authority, None, &[]))).await;
    assert!(nobody.is_err(), "{nobody:?}");
    let line = recorder.line_with("no TLS with 127.0.0.1:").await;
    assert!(line.starts_with("warn ") && line.contains("it shows no certificate"), "{line}");
    let strange = other.client("mallory");
    let refused = within("the end", ask(TlsClient::new(&authority, Some(&strange), &[]))).await;
    assert!(refused.is_err(), "{refused:?}");
    // What is for servers is not for clients.
    let refused = within("the end", ask(TlsClient::new(&authority, Some(&identity), &[]))).await;
    assert!(refused.is_err(), "{refused:?}");
    assert_eq!(ask(TlsClient::new(&authority, Some(&own), &[])).await.unwrap().status, 200, "and it goes on");
    container.close().await.unwrap();
}

#[tokio::test]
async fn a_handshake_has_a_deadline_and_a_place_among_the_connections() {
    let authority = Authority::new();
    let mut config = config(&authority.broker("localhost"), None);
    config.options.head_timeout = wirework::config::Millis::new(300);
    config.options.max_connections = 2;
    let (endpoint, context) = open(config).await;
    let address = endpoint.addresses()[0];
    let mut silent = Vec::new();
    for _ in 0..4 {
        silent.push(Server::Tcp(address).connect().await.unwrap());
    }
    // The later ones get their turn when the first have been given up.
    for mut stream in silent {
        let mut all = Vec::new();
        within("the end of a silent client", stream.read_to_end(&mut all)).await.ok();
        assert_eq!(all, b"");
    }
    let client = TlsClient::new(&authority, None, &[]);
    assert!(within("a handshake", client.connect(address, "localhost")).await.is_ok());
    // One that is silent does not hold up the close.
    let _silent = Server::Tcp(address).connect().await.unwrap();
    within("the close", endpoint.close(&context)).await.unwrap();
}

/// What `check` says: the key, whether it is a warning, and the sentence with `F` for the folder.
fn said(config: &HttpEndpointConfig, authority: &Authority) -> Vec<String> {
    let folder = authority.directory.path().display().to_string();
    let line = |invalid: Invalid| {
        let kind = if invalid.is_warning() { "warning" } else { "error" };
        format!("{kind}: {}", invalid.to_string().replace(&folder, "F"))
    };
    HttpEndpoint::validate(&descriptor(), config).into_iter().map(line).collect()
}

#[tokio::test]
async fn check_judges_the_files_and_open_fails_with_the_same() {
    let authority = Authority::new();
    let (good, expired) = (authority.broker("localhost"), authority.expired_broker("old"));
    for identity in [&good, &expired] {
        std::fs::set_permissions(&identity.key_file, std::fs::Permissions::from_mode(0o600)).unwrap();
    }
    assert_eq!(said(&config(&good, Some(authority.ca_file())), &authority), Vec::<String>::new());
    let time = "warning: `tls.cert_file` names `F/expired-old.cert.pem`, whose certificate expired on \
                2001-01-01T00:00:00Z; have it renewed";
    assert_eq!(said(&config(&expired, None), &authority), [time]);

    let mixed = Identity::in_files(good.cert_file.clone(), expired.key_file.clone());
    let misfit = said(&config(&mixed, None), &authority);
    assert_eq!(misfit.len(), 1, "{misfit:?}");
    let expected = "error: `tls.key_file` cannot be used: the file `F/expired-old.key.pem` has a private key that cannot be used with \
                    the first certificate of `tls.cert_file`";
    assert!(misfit[0].starts_with(expected) && misfit[0].contains("is of another key"), "{misfit:?}");

    let swapped = Identity::in_files(good.key_file.clone(), "/no/such/key.pem".into());
    let wrong = said(&config(&swapped, Some(good.key_file.clone())), &authority);
    let keys: Vec<_> = wrong.iter().filter_map(|line| line.split('`').nth(1)).collect();
    assert_eq!(keys, ["tls.cert_file", "tls.key_file", "tls.ca_file"], "{wrong:?}");

    for bad in [mixed, swapped] {
        let endpoint = HttpEndpoint::new(config(&bad, None)).unwrap();
        let error = endpoint.open(&Context::standalone(descriptor())).await.unwrap_err();
        assert_eq!((error.code(), endpoint.addresses().len()), ("BAD_TLS_CONFIG", 0), "{error}");
    }
    std::fs::set_permissions(&good.key_file, std::fs::Permissions::from_mode(0o644)).unwrap();
    let exposed = "warning: `tls.key_file` names the private key `F/broker-localhost.key.pem`, which can be read by others; end that with `chmod o=`";
    assert_eq!(said(&config(&good, None), &authority), [exposed]);
}
