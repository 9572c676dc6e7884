//! The codes of errors and warnings, in the words of `explain CODE` and of the rules of SARIF.

use wirework::config::nearest;

/// A code: what it means, and what to do.
#[derive(Debug, PartialEq, Eq)]
pub struct Code {
    /// Such as `WRONG_TYPE`.
    pub name: &'static str,
    /// One sentence.
    pub meaning: &'static str,
    /// What to look at, or to write.
    pub remedy: &'static str,
}

/// What is known of a code; nothing of one that a component of somebody else's has.
#[must_use]
pub fn find(name: &str) -> Option<&'static Code> {
    CODES.iter().find(|code| code.name == name)
}

/// The code that a misspelt one probably was meant to be.
#[must_use]
pub fn near(name: &str) -> Option<&'static str> {
    nearest(name, CODES.iter().map(|code| code.name))
}

/// All codes of this crate and of the stock components, by their names.
#[must_use]
pub fn all() -> &'static [Code] {
    CODES
}

macro_rules! codes {
    ($($name:ident: $meaning:literal, $remedy:literal;)*) => {
        const CODES: &[Code] = &[$(Code { name: stringify!($name), meaning: $meaning, remedy: $remedy },)*];
    };
}

codes! {
    AFTER_MISSING: "A component connects to a server of the same manifest and does not wait for it.",
        "Write `after = [\"<descriptor of the server>\"]` in its section: it then opens after the server and closes before it.";
    AFTER_NOTHING: "A pattern in `after` matches no component of the manifest.",
        "Correct the pattern, or remove it. A component never waits for itself, nor for one that is not enabled.";
    ALREADY_OPEN: "A component was opened twice.", "Open it once, or give each user one of its own.";
    AMBIGUOUS_FACTORY: "Two factories make the same component, and neither pattern is the more concrete one.",
        "Unlink one of the crates, or add the right factory to the `Host` in code, which wins.";
    AMBIGUOUS_REFERENCE: "A reference takes one component, and several fit.",
        "Write which one in the section: `references.<field> = \"<descriptor>\"`; `explain` lists those that fit.";
    BAD_CONFIG: "Values that are right by themselves do not go together, or a configuration could not be read.",
        "The message names the keys; `describe` says what they take.";
    BAD_CREDENTIAL: "A part of a credential cannot be sent as it is.",
        "MQTT 3.1.1 has no password without a user name, and neither may be longer than 65535 bytes; a header of HTTP has no blanks in its name and no line breaks in its value.";
    BAD_DESCRIPTOR: "A string is no descriptor or no pattern.",
        "Write five parts, `group:type:kind:name:version`, none of them empty; `*` stands for any part of a pattern.";
    BAD_ENVELOPE: "A message is no envelope of this project.",
        "Give the queue `options.serialize_envelope = false` if other programs send to its topic.";
    BAD_FACTORY: "A factory breaks a rule of the container, or panicked.", "Its author has to mend it; the message says where it is registered.";
    BAD_FILE: "A file cannot be read, or is too large.", "Look at its path, its owner and its size.";
    BAD_HOST: "A host is no name and no address.", "Write the name or the address alone; the port has a key of its own, and IPv6 no brackets.";
    BAD_KEY: "A key has an empty part, or is a value and a table at once; or a key of a file of secrets is none.",
        "Write each key once, as a value or as a table.";
    BAD_LEVEL: "A string is no level of a log.", "Levels are `none`, `fatal`, `error`, `warn`, `info`, `debug` and `trace`.";
    BAD_PARAMETER: "A parameter is not well-formed, or its file cannot be read.",
        "Write `${NAME}`, `${NAME:-default}`, `${NAME:?message}` or `${file:path}`; `$$` is a dollar.";
    BAD_PROPERTY: "A property of a message is not what MQTT 5 permits.", "The message says which one and why.";
    BAD_ROUTE: "A base route is no path of names.", "Write it as in `api/v1`; the message says which part is none.";
    BAD_SYNTAX: "The text is not TOML, or not UTF-8.", "The mark stands where the parser gave up; the mistake is there or shortly before.";
    BAD_TLS_CONFIG: "A certificate or key file cannot be used.", "The page on errors of TLS has each case and what to do.";
    BAD_TOPIC: "A topic or a topic filter is not what MQTT permits.",
        "`+` stands for one whole level, `#` for all levels behind it and only at the end; a topic to publish to has neither.";
    BAD_URI: "A URI cannot be read.", "Write `mqtt://host:port`; in a user name or a password `%40` is `@`, `%3A` is `:` and `%2F` is `/`.";
    BAD_VALUE: "A value of the right type that is not accepted.", "The message says what is; `describe` has the limits of each key.";
    BROKEN_OFF: "The manifest was read only in part, since a thread of the system was not to be had.", "Try again, or look at the limits of the system.";
    BROKER_FAILED: "The embedded broker ended by itself.", "Start the service again, and report the line before it.";
    CANNOT_CHECK: "The manifest could not be checked.", "A factory panicked, or the runtime of the program ended meanwhile; the cause follows.";
    CANNOT_CREATE: "A component could not be made.", "The cause follows in the same line.";
    CANNOT_LISTEN: "A server cannot listen at its address.", "The host has to be an address of this machine; ports below 1024 take a privilege.";
    CANNOT_RESOLVE: "No discovery service has an address under the key.",
        "Add the key to one of them, or give `connection.host` in place of `connection.discovery_key`.";
    CANNOT_START: "A component could not be created or opened.", "The cause follows in the same line.";
    CLIENT_ID_TWICE: "Two connections have the same client id at one broker.",
        "A broker throws out the older of two such clients, again and again: give each its own `client_id`.";
    CLIENT_REFUSED: "A component connects to a broker of the same manifest that would refuse it.",
        "The message says what does not go together; it is a warning where another broker may admit it.";
    CLOSED: "The component was closed.", "Nothing is sent after `close`.";
    CLOSED_TO_ALL: "A broker has no user, and lets nobody in without one.", "Give it a `credential`, or `allow_anonymous = true`.";
    CONNECT_FAILED: "No broker could be reached, or it refused the client.",
        "The reason follows: look at host, port and protocol, at the credential, and whether the broker runs.";
    CONNECTION_LOST: "The link to the broker was lost, and with it what was not confirmed.", "It is built up again by itself; the reason follows.";
    CRITICAL_NEEDS_UNCRITICAL: "A component that the service needs requires one that it does not need.",
        "Give both the same `critical`, or let the reference be optional.";
    CYCLE: "Components wait for each other.", "Let one of them use a late reference, take an `after` away, or point a reference elsewhere.";
    DOUBTFUL_VALUE: "A value is accepted, and most likely not what was meant.", "The message says what it was read as, and what to write.";
    DUPLICATE_DESCRIPTOR: "Two sections of one file have the same descriptor.",
        "Give each component a name of its own, the fourth part; sections of different files are laid over each other.";
    DUPLICATE_KEY: "A key is given twice, or in two spellings.", "Keep one.";
    EXPIRED: "A message was not sent within its time.", "Give it a longer time, or none.";
    EXPOSED_SECRET: "Others can write or read a file of secrets.", "End that with `chmod g-w,o=`, or give a store that refuses the file `strict = false`.";
    FEATURE_MISSING: "The broker does not have what is asked for.", "The message names it; use another broker, or do without.";
    FILE_CLAIMED_TWICE: "Two components write the same file.", "Give each a file of its own.";
    INCLUDE_CYCLE: "A file includes itself, by itself or by others.", "Take one of the includes away.";
    INCOMPLETE_CREDENTIAL: "A user of the embedded broker has no name or no password.", "Give both, in the section or in the store.";
    LOCK_TIMEOUT: "A message was not completed in time and went back to its queue.", "Renew the lock, or give the queue a longer one.";
    LOG_FILE: "A log file cannot be opened or written.", "The user of the service has to be allowed to write it, and to make its folder where that is not there; the reason follows.";
    LOOPS_NOT_CHECKED: "There are too many bridges to look for circles among them.", "Nothing is wrong by itself; circles end at `max_hops`.";
    MADE_BY_PROGRAM: "A component that the program handed in is to be restarted.", "It cannot be created anew; restart those that use it, or the program.";
    MESSAGE_LOOP: "Bridges or dead letters send messages to where they come from.",
        "Change the topic of one of the queues, so that none takes what another sends; or give a bridge `types`.";
    MISSING_CREDENTIALS: "No credential store has the key.", "Add the key to one of them, or correct `credential.store_key`.";
    MISSING_INCLUDE: "An included file is not there.", "Paths are relative to the file that includes them.";
    MISSING_KEY: "A required key is not given.", "`describe` shows it, with an example.";
    MISSING_REFERENCE: "Nothing in the manifest is what a reference asks for.",
        "Add such a component, enable it, or point the reference elsewhere: `references.<field> = \"<descriptor>\"`.";
    MIXED_PROTECTION: "Some brokers of one connection are reached with TLS and others without.",
        "Use one protocol for all; who can break the protected link gets the other.";
    NEIGHBOURS_NOT_CHECKED: "There are too many components for all to be held against each other.", "Nothing is wrong by itself.";
    NO_COMPONENTS: "No component of the manifest is enabled.", "Add a `[[component]]`, or pass `--allow-empty`.";
    NO_CONFIG_FILE: "There is no manifest.", "Name it: `check service.toml`, or `-c FILE`; without it, it is `./config/config.toml`.";
    NO_CONNECTION: "A component that needs a connection is given none.", "Give `connection.host`, or `connection.discovery_key`.";
    NO_HOST: "A connection has no host, or its name has no address.", "Give `connection.host`.";
    NO_PASSED_SOCKET: "An endpoint is to listen on a socket with which the process was not started.",
        "Compare `fd:` in `connection.host` with the `ListenStream` and `FileDescriptorName` of the socket unit; the message says what there is.";
    NO_PATH: "A connection over a Unix socket has no path.", "Write `unix:///run/broker.sock`.";
    NO_PORT: "A connection has no port, and its protocol none by itself.", "Give `connection.port`.";
    NO_PROTOCOL: "An address has no protocol.", "Give `connection.protocol`, such as `mqtt` or `mqtts`.";
    NO_TOPIC: "A message has no topic to go to.", "Give the queue a `topic` without `{topic}`, or send to it from a queue that has topics.";
    NOT_CREATED: "A component could not be created anew, and nothing has changed.", "The causes follow; one that it requires may have failed and is to be restarted first.";
    NOT_DURABLE: "A bridge leads from a queue that survives a crash to one that does not.", "Give the target a broker, or accept that a crash loses messages.";
    NOT_LOCKED: "A message was completed or given back that nobody holds.", "Its lock may have run out: renew it, or give the queue a longer one.";
    NOT_OFFERED: "The component at the descriptor is not what the reference asks for.", "Point the reference at a component that offers it; `explain` lists them.";
    NOT_OPEN: "A component is used before it is open.", "Ask for it by a reference that waits, or use it from `open` on.";
    NOT_OPENED: "A queue is used before it is open.", "Ask for it by a reference that waits, or use it from `open` on.";
    NOT_REOPENED: "After a restart not everything is open.", "The causes follow; restart the component again once they are mended.";
    NOT_ROUTED: "The log levels are those of the program's own `tracing` subscriber.", "Add the layer of `Router::process()` to that subscriber.";
    NOT_RUNNING: "A component is to be restarted in a service that does not run.", "The message says where the service is in its life; a restart is for one that has started and does not drain or close.";
    NOT_SUPPORTED: "The protocol does not have what is asked for.", "Most often it takes `options.protocol_version = 5`.";
    OPEN_TO_ALL: "A broker that others can reach lets everybody in.", "Give it a `credential`, listen at `127.0.0.1`, or say `allow_anonymous = true`.";
    OTHER_PORT: "A component connects to a port of this machine where nothing of the manifest listens, and nothing connects to its broker.",
        "Give both the same port, as by one parameter; where another broker runs on this machine, nothing is wrong.";
    PACKET_TOO_LARGE: "A message is larger than the broker takes.", "Send less at once, or raise the limit of the broker.";
    PANIC: "A component panicked.", "Its author has to mend it; the place is in the log.";
    PASSWORD_UNPROTECTED: "A password would cross a network in clear.", "Use `mqtts` or `wss`; within one machine it does not matter.";
    PASSWORDS_NOT_CHECKED: "There are too many connections to look at the passwords of all.", "Nothing is wrong by itself.";
    PORT_CLAIMED_TWICE: "Two components listen at the same port.", "Give one of them another, or 0 for one that the system chooses.";
    PORT_IN_USE: "Another process listens at the port.", "Stop it, or set `port`; `ss -ltnp` shows who it is.";
    PUBLISH_ENDS_LINKS: "The broker ends the link whenever the message is sent.", "It does not permit it: look at its rules for the topic, and at the message's size.";
    PUBLISH_REFUSED: "The broker refused a message.", "The reason follows; most often the user may not publish to the topic.";
    QUEUE_FULL: "A queue holds as many messages as it may.", "Receive faster, or raise `capacity`.";
    READ_FAILED: "A file of addresses or credentials cannot be read.", "Paths are relative to the manifest's folder; the message shows the whole path.";
    REF_ERROR: "A component that is needed is not there, or has failed.", "The message names it.";
    RESTARTING: "Another component is being restarted.", "Wait for its end; there is one restart at a time.";
    ROUTE_TAKEN: "Two components have one base route at one endpoint, or one that the endpoint answers itself.", "Give one of them another `base_route` or `route`.";
    SECRET_IN_CLEAR: "A password stands in the manifest itself.", "Write `\"${NAME}\"` or `\"${file:path}\"` in its place.";
    SESSION_LOST: "The broker has forgotten the session, and what was not confirmed in it.", "Raise `options.session_expiry`, or look why the broker lost it.";
    SLOW_STOP: "The service may take longer to end than the one who ends it waits.",
        "Shorten `service.drain_delay` or `service.timeout`, or give the pod a longer `terminationGracePeriodSeconds`.";
    SOCKET_TAKEN: "The file of a Unix socket belongs to somebody else.", "Give another `path`, or remove the file if nobody uses it.";
    STOPPED: "The service was stopped before it was ready.", "A signal or a component asked for it.";
    SUBSCRIBE_ENDS_LINKS: "The broker ends the link whenever the topic filter is subscribed to.", "It does not permit it: look at its rules.";
    SUBSCRIBE_REFUSED: "The broker refused a topic filter.", "The reason follows; most often the user may not subscribe to it.";
    SUBSCRIBE_UNANSWERED: "The broker does not answer a subscription.", "Look at the broker; `options.connect_timeout` is how long it has.";
    SUBSCRIBER_EXISTS: "The process has a `tracing` subscriber already.", "Start the service by `Host::start`, or add the router to that subscriber.";
    SUBSCRIPTION_LOST: "The broker does not grant a topic filter any more.", "Its rules have changed; it is asked again.";
    SYSTEM_ERROR: "The system refuses threads or signal handlers.", "Look at the limits of the process.";
    TIMEOUT: "Something did not end in time.", "The message says what and how long it had; `timeout` of a section is for `open` and `close`.";
    TIMEOUT_TOO_SHORT: "A component may take longer to open than the container waits.", "Raise `timeout`, or lower the component's own limit.";
    TLS_FAILED: "A TLS handshake or session failed.", "The page on errors of TLS has each case and what to do.";
    TOO_MANY_CONNECTIONS: "A component has more addresses than are tried.", "Give it fewer.";
    TOO_MANY_FILES: "More files are included, or deeper, than are read.", "Most often an include matches too much.";
    TOO_MANY_FILTERS: "More topic filters are subscribed to than the broker of the same manifest grants.",
        "Raise the limit of the broker, or subscribe to fewer filters that match more.";
    TOPIC_DENIED: "A component uses a topic that the broker of the same manifest denies its user.",
        "Add the topic, or a filter of it, to `publish` or `subscribe` of that user, or use another topic.";
    UNKNOWN: "An error without a code of its own.", "The message says all there is.";
    UNKNOWN_COMPONENT: "The service has no component of that name.", "`graph` lists those of its manifest; the message names near ones.";
    UNKNOWN_DESCRIPTOR: "No component of this binary has the descriptor.",
        "`components` lists those that it has; a type is registered by `register!(Type);`, and a crate of components linked by `use acme_sensors as _;` in `main.rs`.";
    UNKNOWN_KEY: "A key that nobody reads.", "Most often it is misspelt, or stands in the wrong table; `describe` lists the keys.";
    UNKNOWN_REFERENCE: "The component has no such reference.", "`describe` lists its references.";
    UNKNOWN_USER: "Rights are given to a user of the broker that it does not have.", "Correct the name, or add a `credential`.";
    UNSET_PARAMETER: "A parameter has no value and no default.", "Set it with `-p NAME=VALUE`, in `--params FILE` or in the environment; or write `${NAME:-default}`.";
    UNSUBSCRIBED: "A subscription ended while it was waited for.", "Its own program has ended it.";
    UNSUPPORTED: "The component cannot do what is asked of it.", "The message says which one can.";
    UNSUPPORTED_PROTOCOL: "The component does not speak the protocol.", "The message lists those that it speaks; a feature may be left out of this binary.";
    UNUSED_PARAMETER: "A parameter of the command line is not used by the manifest.", "It may be misspelt.";
    WEAK_TOKEN: "The token of an admin controller is short or no visible ASCII, so that it could be guessed.", "Write one of at least 16 characters: `openssl rand -hex 32` makes it.";
    WINDOW_FULL: "As many messages as may be are on their way.", "Wait for the others, or raise `options.max_inflight` and `options.max_queued_bytes`.";
    WRONG_TYPE: "A value of another type than the key takes.", "The message shows both; strings stand in quotes, numbers and `true` without.";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_are_in_order_and_found() {
        let names: Vec<_> = CODES.iter().map(|code| code.name.replace('_', " ")).collect();
        assert!(names.is_sorted(), "{:?}", names.windows(2).find(|pair| pair[0] > pair[1]));
        assert_eq!(find("WRONG_TYPE").map(|code| code.name), Some("WRONG_TYPE"));
        assert_eq!((find("WRONG_TYP"), near("WRONG_TYP")), (None, Some("WRONG_TYPE")));
        for code in CODES {
            assert!(code.meaning.ends_with('.') && code.remedy.ends_with('.'), "{}", code.name);
        }
    }

    /// Whatever the sources of the library and of this crate call a code is explained.
    #[test]
    fn every_code_of_the_sources_is_known() {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut missing = Vec::new();
        for folder in [root.join("src"), root.join("../src")] {
            look(&folder, &mut missing);
        }
        assert!(missing.is_empty(), "{missing:?}");
    }

    #[test]
    fn the_page_of_errors_is_that_of_the_code() {
        let page = include_str!("../../../docs/reference/errors.md");
        let cell = |text: &str| text.replace('|', "\\|");
        let row =
            |code: &Code| format!("| `{}` | {} | {} |", code.name, cell(code.meaning), cell(code.remedy));
        let rows: Vec<String> = all().iter().map(row).collect();
        let found: Vec<&str> = page.lines().filter(|line| line.starts_with("| `")).collect();
        assert_eq!(found, rows, "docs/reference/errors.md has other rows than these:\n{}", rows.join("\n"));
    }

    fn look(folder: &std::path::Path, missing: &mut Vec<String>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                look(&path, missing);
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap();
            // Tests have codes of their own.
            let text = text.split("#[cfg(test)]").next().unwrap_or_default();
            let mut within = false;
            for line in text.lines() {
                within = (within || line.contains("fn code(&self)")) && !line.starts_with("    }");
                let names =
                    ["Problem::error(\"", "Problem::warning(\"", "with_code(\"", ".error(\"", ".warning(\""];
                let starts = names.iter().filter_map(|start| Some(line.split_once(start)?.1));
                let returned = line.split_once('"').map(|(_, rest)| rest).filter(|_| within);
                for found in starts.chain(returned) {
                    let name = found.split('"').next().unwrap_or_default();
                    if find(name).is_none() && name.chars().all(|c| c == '_' || c.is_ascii_uppercase()) {
                        missing.push(format!("{}: {name}", path.display()));
                    }
                }
            }
        }
    }
}
