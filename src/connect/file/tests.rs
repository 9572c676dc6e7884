use super::*;

struct Fixture {
    _directory: tempfile::TempDir,
    path: PathBuf,
    discovery: FileDiscovery,
}

fn fixture(name: &str, content: &str) -> Fixture {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join(name);
    fs::write(&path, content).unwrap();
    let config = FileDiscoveryConfig { path: path.clone().into() };
    let discovery = FileDiscovery::new("file", config, Logger::standalone()).unwrap();
    Fixture { _directory: directory, path, discovery }
}

impl Fixture {
    async fn hosts(&self, key: &str) -> Result<Vec<String>, Error> {
        let found = self.discovery.resolve_all(key).await?;
        Ok(found.into_iter().map(|one| one.host.unwrap_or_default()).collect())
    }

    /// A new version that differs in length, so that the clock's resolution does not matter.
    fn write(&self, content: &str) {
        let before = fs::metadata(&self.path).map(|metadata| metadata.len()).unwrap_or_default();
        assert_ne!(before, content.len() as u64);
        fs::write(&self.path, content).unwrap();
    }
}

const TOML: &str = "one = { host = 'a' }\n[[many]]\nuri = 'mqtt://b,c'\n[[many]]\nhost = 'd'\n";

#[tokio::test]
async fn toml_and_json_are_read() {
    let json = r#"{"one": {"host": "a"}, "many": [{"uri": "mqtt://b,c"}, {"host": "d"}]}"#;
    for file in [fixture("x.toml", TOML), fixture("x.JSON", json)] {
        assert_eq!(file.hosts("one").await.unwrap(), ["a"]);
        assert_eq!(file.hosts("many").await.unwrap(), ["b", "c", "d"]);
        assert!(file.hosts("unknown").await.unwrap().is_empty());
    }
    let config = FileDiscoveryConfig { path: "x.yaml".into() };
    let error = FileDiscovery::new("file", config, Logger::standalone()).err().unwrap();
    assert_eq!(
        error.to_string(),
        "`x.yaml` is neither TOML nor JSON by its name; name it `*.toml` or `*.json`"
    );
}

#[tokio::test]
async fn changed_file_is_read_again() {
    let file = fixture("x.toml", TOML);
    assert_eq!(file.hosts("one").await.unwrap(), ["a"]);
    file.write("one = { host = 'new' }");
    assert_eq!(file.hosts("one").await.unwrap(), ["new"]);
    // The same length, another file under the name.
    let other = file.path.with_extension("new");
    fs::write(&other, "one = { host = 'wen' }").unwrap();
    fs::rename(&other, &file.path).unwrap();
    assert_eq!(file.hosts("one").await.unwrap(), ["wen"]);
}

#[tokio::test]
async fn last_good_version_stays_in_force() {
    let file = fixture("x.toml", TOML);
    assert_eq!(file.hosts("one").await.unwrap(), ["a"]);
    file.write("one = { host = ");
    assert_eq!(file.hosts("one").await.unwrap(), ["a"]);
    assert_eq!(file.hosts("one").await.unwrap(), ["a"]);
    fs::remove_file(&file.path).unwrap();
    assert_eq!(file.hosts("one").await.unwrap(), ["a"]);
    assert_eq!(file.hosts("one").await.unwrap(), ["a"]);
    file.write("one = { host = 'back' }");
    assert_eq!(file.hosts("one").await.unwrap(), ["back"]);
}

/// Counts warnings.
#[derive(Clone, Default)]
struct Warnings(Arc<std::sync::atomic::AtomicUsize>);

impl<S: tracing::Subscriber> tracing_subscriber::Layer<S> for Warnings {
    fn on_event(&self, event: &tracing::Event<'_>, _: tracing_subscriber::layer::Context<'_, S>) {
        if *event.metadata().level() == tracing::Level::WARN {
            self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        }
    }
}

#[test]
fn each_bad_version_is_warned_of_once() {
    use tracing_subscriber::layer::SubscriberExt;
    let warnings = Warnings::default();
    let subscriber = tracing_subscriber::registry().with(warnings.clone());
    tracing::subscriber::with_default(subscriber, || {
        let file = fixture("x.toml", TOML);
        let look = || {
            assert_eq!(file.discovery.file.current().unwrap().len(), 2);
            warnings.0.load(std::sync::atomic::Ordering::Relaxed)
        };
        assert_eq!(look(), 0);
        file.write("one = 1");
        assert_eq!([look(), look()], [1, 1]);
        file.write("one = 12");
        assert_eq!([look(), look()], [2, 2]);
        fs::remove_file(&file.path).unwrap();
        assert_eq!([look(), look()], [3, 3]);
    });
}

#[tokio::test]
async fn without_a_good_version_it_fails_until_there_is_one() {
    let file = fixture("x.toml", "one = 1");
    let context = Context::standalone("pip-services:discovery:file:default:1.0".parse().unwrap());
    let error = Component::open(&file.discovery, &context).await.unwrap_err();
    assert!(error.to_string().contains("x.toml`, line 1, column 7: no connection"), "{error}");
    assert!(file.hosts("one").await.is_err());
    fs::remove_file(&file.path).unwrap();
    assert_eq!(file.hosts("one").await.unwrap_err().code(), "READ_FAILED");
    file.write(TOML);
    assert_eq!(file.hosts("one").await.unwrap(), ["a"]);
}

#[tokio::test]
async fn what_nobody_takes_is_an_error() {
    for (content, named) in [
        ("k = { uri = 'mqtt://a', host = 'b' }", "`k.host` is given beside `uri`"),
        ("k = [{ host = 'b' }, { uri = 'mqtt://a:1', port = 2 }]", "`k.1.port` is given beside `uri`"),
        ("k = { uri = 'mqtt://a?client_id=canary' }", "`k.uri` has a parameter which nobody takes"),
        ("k = { uri = 'mqtts://a/canary' }", "`k.uri` has a path"),
        ("k = { uri = 'tcp://a/canary' }", "`k.uri` has a path"),
        ("k = { uri = 'SSL://a?client_id=canary' }", "`k.uri` has a parameter which nobody takes"),
        ("k = { protocol = 'tls', host = 'a', parameters = { qos = 'canary' } }", "`k.parameters.qos` is"),
        ("k = { protocol = 'mqtt', host = 'a', parameters = { qos = 'canary' } }", "`k.parameters.qos` is"),
        (
            "k = { host = 'a', hosst = 'canary' }",
            "line 1, column 19: `hosst` is no key of a connection; did you mean `host`?",
        ),
        ("[k]\nhots = 'canary'", "line 2, column 1: `hots` is no key of a connection; did you mean `host`?"),
        ("k = { canary = 'host' }", "line 1, column 7: no connection"),
    ] {
        let error = fixture("x.toml", content).hosts("k").await.unwrap_err();
        let shown = format!("{error:?}");
        assert!(error.code() == "BAD_CONFIG" && shown.contains("x.toml`"), "{shown}");
        assert!(shown.contains(named) && !shown.contains("canary"), "{shown}");
    }
    let file =
        fixture("x.toml", "k = [{ uri = 'wss://a/mqtt?x=1' }, { host = 'b', parameters = { x = '1' } }]");
    assert_eq!(file.hosts("k").await.unwrap(), ["a", "b"]);
}

#[tokio::test]
async fn what_nobody_takes_fails_the_look_up_of_its_key_alone() {
    let file = fixture("x.toml", "good = { host = 'a' }\nbad = { uri = 'mqtt://b?x=1' }");
    let context = Context::standalone("pip-services:discovery:file:default:1.0".parse().unwrap());
    Component::open(&file.discovery, &context).await.unwrap();
    assert_eq!(file.hosts("good").await.unwrap(), ["a"]);
    let error = file.hosts("bad").await.unwrap_err().chain();
    assert!(error.contains("x.toml`") && error.contains("`bad.uri` has a parameter"), "{error}");
}

#[tokio::test]
async fn a_file_has_its_bounds() {
    let list = |count: usize| format!("k = [{}]", vec!["{ host = 'h' }"; count].join(", "));
    assert_eq!(fixture("x.toml", &list(256)).hosts("k").await.unwrap().len(), 256);
    let error = fixture("x.toml", &list(257)).hosts("k").await.unwrap_err();
    assert!(error.to_string().contains("a list of at most 256"), "{error}");
    let hosts = |count: usize| format!("k = {{ uri = 'mqtt://{}' }}", vec!["h"; count].join(","));
    assert_eq!(fixture("x.toml", &hosts(64)).hosts("k").await.unwrap().len(), 64);
    let error = fixture("x.toml", &hosts(65)).hosts("k").await.unwrap_err();
    assert!(error.to_string().contains("no connection"), "{error}");
    let long = format!("{TOML}# {}", "x".repeat(1024 * 1024));
    let error = fixture("x.toml", &long).hosts("one").await.unwrap_err();
    assert!(error.chain().contains("it is larger than 1048576 bytes"), "{}", error.chain());
}

#[tokio::test]
async fn mistakes_show_their_place_and_no_content() {
    for (name, content, place) in [
        ("x.toml", "a = {}\nk = { uri = 'mqtt://u:canary/@h' }", "line 2, column 13: no connection"),
        ("x.toml", "k = { port = 'canary' }", "line 1, column 14: no connection"),
        ("x.toml", "k = { host = 'canary", "line 1, column 21: no valid TOML"),
        ("x.json", "{\"k\": {\n\"port\": \"canary\"}}", "line 2, column 16: no connection"),
        (
            "x.json",
            "{\"k\": {\n\"prot\": \"canary\"}}",
            "line 2, column 6: `prot` is no key of a connection; did you mean `port`?",
        ),
        ("x.json", "{\"k\": {\"port\": \"host2\"}}", "line 1, column 22: no connection"),
        ("x.json", "{\"k\": canary}", "line 1, column 7: no valid JSON"),
    ] {
        let error = fixture(name, content).hosts("k").await.unwrap_err();
        let shown = format!("{error} {error:?} {:?} {}", error.downcast_ref::<ListingError>(), error.chain());
        assert!(shown.contains(place), "{shown}, not {place}");
        assert!(!shown.contains("canary"), "{shown}");
    }
}
