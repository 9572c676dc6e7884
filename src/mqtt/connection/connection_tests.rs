use std::os::unix::fs::PermissionsExt;

use super::*;
use crate::count::Counters;
use crate::log::testing::Listener;

#[tokio::test]
async fn a_private_key_that_others_can_get_at_is_warned_of() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (key, cert) = (at("key.pem"), at("cert.pem"));
    for path in [&key, &cert] {
        std::fs::write(path, "none").unwrap();
    }
    let context = Context::standalone("pip-services:connection:mqtt:test:1.0".parse().unwrap());
    let warned = async |mode: u32, protocol: &str| {
        std::fs::set_permissions(&key, std::fs::Permissions::from_mode(mode)).unwrap();
        let pairs = [
            ("connection.host", "127.0.0.1"),
            ("connection.port", "1"),
            ("connection.protocol", protocol),
            ("tls.key_file", &key),
            ("tls.cert_file", &cert),
            ("options.retry_connect", "false"),
        ];
        let listener = Listener::new();
        let (counters, tracer, discovery, credentials) =
            (Counters::default(), Tracer::standalone(), Vec::new(), Vec::new());
        let environment =
            Environment { logger: listener.logger(), counters, tracer, discovery, credentials, will: None };
        let config = crate::config::from_pairs(pairs).unwrap();
        let connection = MqttConnection::with("test", config, environment).unwrap();
        let _guard = listener.listen();
        assert!(connection.open(&context).await.is_err(), "nobody listens there");
        let lines = listener.lines();
        lines.into_iter().filter(|line| line.contains("private key")).collect::<Vec<_>>().join("\n")
    };
    for (mode, can) in [(0o644, "read"), (0o660, "written"), (0o602, "written")] {
        let line = warned(mode, "mqtts").await;
        let expected = format!("`tls.key_file` names the private key `{key}`, which can be {can} by others");
        assert!(line.starts_with("warn ") && line.contains(&expected), "{mode:o}: {line}");
        assert_eq!(line.lines().count(), 1, "{line}");
    }
    assert_eq!(warned(0o640, "mqtts").await, "", "its group may read it");
    assert_eq!(warned(0o644, "mqtt").await, "", "it is not used");
}
