//! The lines that made-up sections are made of.

/// One line of a section: a key, values that mostly do, and values that mostly do not.
pub type Line = (&'static str, &'static [&'static str], &'static [&'static str]);

const TOPICS: &[&str] = &[
    "'a'",
    "'a/b'",
    "'x/y/z'",
    "'a/+'",
    "'a/#'",
    "'{topic}'",
    "'site/{topic}'",
    "'$share/g/a/b'",
    "'{{x}}/b'",
    "''",
];
const BAD_TOPICS: &[&str] =
    &["'a/#/b'", "'a+'", "'{tpoic}'", "'a/{topic'", "\"a\\u0000\"", "\"a\\u0007\"", "'+/{topic}'", "7"];
pub const FLAGS: &[&str] = &["true", "false"];
const NO_FLAGS: &[&str] = &["'yes'", "1"];
const TIMES: &[&str] = &["'1s'", "'5s'", "2000", "'1m'", "'30s'"];
const BAD_TIMES: &[&str] = &["0", "'5 parsecs'", "-1", "true"];

/// Options of one protocol for all that connect.
const CONNECTION: &[Line] = &[
    ("connection.host", &["'127.0.0.1'", "'localhost'", "'h'"], &["''", "'a b'", "'h:1'", "7"]),
    (
        "connection.uri",
        &["'mqtt://localhost'", "'mqtts://h:8883'", "'ws://h/mqtt?x=1'", "'mqtt://u:p@h'"],
        &["'mqtt://h/path'", "'http://h'", "'mqtt://:p@h'", "'unix:///'", "'mqtt:/h'"],
    ),
    ("connection.discovery_key", &["'mqtt'"], &["'gone'", "''", "'other'"]),
    (
        "connections",
        &["[{ host = 'a' }, { host = 'b', protocol = 'mqtts' }]", "[{ uri = 'mqtt://a,b' }]"],
        &["[]", "[{}]", "[{ host = '' }]", "5", "[5]"],
    ),
    ("connection.port", &["1883", "8883"], &["0", "70000", "'x'"]),
    ("connection.protocol", &["'mqtt'", "'mqtts'", "'tcp'", "'wss'"], &["'http'", "''"]),
    ("connection.parameters", &["{}"], &["{ a = '1' }"]),
    (
        "credential",
        &[
            "{ username = 'ann', password = 'secret' }",
            "{ username = 'ann' }",
            "{ store_key = 'mqtt' }",
            "{ store_key = 'mqtt', username = 'bob' }",
        ],
        &[
            "{ password = 'p' }",
            "{ store_key = 'gone' }",
            "{ store_key = '' }",
            "{ store_key = 'alone' }",
            "{ user = 'a', username = 'b' }",
            "{ store_key = 'a/b' }",
        ],
    ),
    (
        "credentials",
        &["[{ store_key = 'gone' }, { username = 'ann', password = 'p' }]", "[]"],
        &["[{ store_key = 'gone' }]", "[{ pass = 'p' }]", "7"],
    ),
    ("client_id", &["'me'", "'you'", "''"], &["\"a\\u0000b\"", "5"]),
    ("tls.server_name", &["''"], &["'broker'", "'a b'"]),
    ("tls.ca_file", &["''"], &["'missing.pem'", "'password'"]),
    ("tls.cert_file", &["''"], &["'missing.pem'"]),
    ("options.clean_session", FLAGS, NO_FLAGS),
    ("options.protocol_version", &["'3.1.1'", "'5'", "4", "5"], &["'3.1'", "6", "true"]),
    ("options.keepalive_timeout", TIMES, &["'20h'", "'x'", "-1"]),
    ("options.connect_timeout", TIMES, &["'5 parsecs'", "'200y'"]),
];

const MQTT: &[Line] = &[
    ("options.max_inflight", &["1", "10", "65519"], &["0", "65535"]),
    ("options.receive_maximum", &["1", "65535"], &["0", "65536"]),
    ("options.session_expiry", &["'1h'"], &["'x'"]),
    ("options.redirects", &["'none'", "'listed'", "'any'"], &["'all'"]),
    ("options.redirect_hosts", &["['h']", "[]"], &["['h h']", "[7]", "['*']"]),
    ("options.response_topic", &["'answers'"], &["''", "'a/#'", "\"a\\u0007\""]),
    ("options.allow_control_characters", FLAGS, NO_FLAGS),
    (
        "will",
        &["{ topic = 'gone', payload = 'x' }", "{ topic = 'gone', qos = 1, retain = true }"],
        &[
            "{ topic = 'a/#' }",
            "{ payload = 'x' }",
            "{ topic = 'a', qos = 3 }",
            "{ topic = 'a', delay = '1s' }",
            "{ topic = \"\\u0007\" }",
        ],
    ),
];

const QUEUE: &[Line] = &[
    ("topic", TOPICS, BAD_TOPICS),
    ("queue", &["'work'", "'jobs'"], &["'a/#/b'", "7"]),
    ("group", &["'g'", "''"], &["'a/b'", "\"a\\u0007\""]),
    ("dead_letter_topic", &["'dead'", "'dead/{topic}'", "''"], BAD_TOPICS),
    ("options.qos", &["0", "1", "1", "2"], &["3", "'one'"]),
    ("options.autosubscribe", FLAGS, NO_FLAGS),
    ("options.no_local", FLAGS, NO_FLAGS),
    ("options.serialize_envelope", FLAGS, NO_FLAGS),
    ("options.allow_control_characters", FLAGS, NO_FLAGS),
    ("options.capacity", &["1", "100"], &["0", "-1"]),
    ("options.lock_timeout", TIMES, BAD_TIMES),
    ("options.max_hops", &["1", "16"], &["0"]),
];

const MEMORY_QUEUE: &[Line] = &[
    ("queue", &["'work'", "'jobs'", "'dead'"], &["7"]),
    ("dead_letter", &["'dead'", "''"], &["7"]),
    ("options.capacity", &["10", "100000"], &["0"]),
    ("options.lock_timeout", TIMES, BAD_TIMES),
    ("options.max_hops", &["3"], &["0"]),
];

const BRIDGE: &[Line] = &[
    ("types", &["['order.*']", "[]"], &["'order'"]),
    ("unmatched", &["'drop'", "'dead_letter'"], &["'keep'"]),
    ("concurrency", &["1", "4"], &["0"]),
    ("max_hops", &["16"], &["0"]),
];

const BROKER: &[Line] = &[
    ("host", &["'127.0.0.1'", "'localhost'"], &["'0.0.0.0'", "'::'", "''", "'[::1]'", "'a b'"]),
    ("port", &["0"], &["70000"]),
    ("allow_anonymous", FLAGS, NO_FLAGS),
    (
        "credential",
        &["{ username = 'ann', password = 'p' }", "{ store_key = 'mqtt' }"],
        &["{ username = 'ann' }", "{ store_key = 'gone' }", "{}"],
    ),
    (
        "users",
        &["{}", "{ ann = { publish = ['a/#'] } }"],
        &["{ bob = {} }", "{ ann = { publish = ['a#'] } }"],
    ),
    ("max_connections", &["1", "1000"], &["0"]),
];

const DISCOVERY: &[Line] = &[(
    "connections",
    &[
        "{ mqtt = { host = '127.0.0.1', port = PORT } }",
        "{ mqtt = [{ uri = 'mqtt://127.0.0.1:PORT' }] }",
        "{ mqtt = { host = 'h', protocol = 'mqtts' } }",
    ],
    &[
        "{ mqtt = { hosst = 'h' } }",
        "{ mqtt = { uri = 'mqtt://h/path' } }",
        "{ mqtt = [] }",
        "{ mqtt = { protocol = 'http', host = 'h' } }",
        "{}",
    ],
)];
const FILE: &[Line] = &[(
    "path",
    &["'good.toml'", "'good.json'", "'half.toml'"],
    &["'bad.toml'", "'wrong.toml'", "'list.yaml'", "'missing.toml'", "''", "'.'"],
)];
const STORE: &[Line] = &[(
    "credentials",
    &[
        "{ mqtt = { username = 'ann', password = 'p' } }",
        "{ mqtt = { user = 'ann' }, alone = { pass = 'p' } }",
    ],
    &["{ mqtt = {} }", "{ alone = { pass = 'p' } }", "{ mqtt = { usr = 'a' } }", "{}"],
)];
const SECRETS: &[Line] =
    &[("path", &["'secrets'"], &["'missing'", "'good.toml'"]), ("strict", &["false"], &["true"])];
const CONSOLE: &[Line] = &[
    ("level", &["'info'", "'debug'"], &["'loud'"]),
    ("buffer", &["4096"], &["1"]),
    ("format", &["'json'"], &["'xml'"]),
];
const COUNTERS: &[Line] = &[("interval", &["'1m'", "0"], &["'soon'"])];

/// Kinds of components, how common they are, and lines of their own.
pub const KINDS: &[(&str, usize, &[&[Line]])] = &[
    ("connection:mqtt", 8, &[CONNECTION, MQTT]),
    ("message-queue:mqtt", 8, &[QUEUE, QUEUE, CONNECTION]),
    ("message-queue:memory", 7, &[MEMORY_QUEUE]),
    ("bridge:message-queue", 5, &[BRIDGE]),
    ("queue-factory:mqtt", 1, &[CONNECTION]),
    ("queue-factory:memory", 1, &[]),
    ("broker:mqtt", 3, &[BROKER]),
    ("discovery:memory", 3, &[DISCOVERY]),
    ("discovery:file", 2, &[FILE]),
    ("discovery:env", 1, &[]),
    ("credential-store:memory", 3, &[STORE]),
    ("credential-store:file", 2, &[SECRETS]),
    ("credential-store:env", 1, &[]),
    ("logger:console", 1, &[CONSOLE]),
    ("logger:null", 1, &[]),
    ("counters:log", 1, &[COUNTERS]),
    ("tracer:log", 1, &[]),
    ("context-info:default", 1, &[]),
];
