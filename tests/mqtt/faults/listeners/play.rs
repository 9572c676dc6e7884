//! One life: what was drawn happens, then the weather is good, and all that came is compared with what had to.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use rumqttc::matches;
use wirework::Error;
use wirework::mqtt::topic::Filter;
use wirework::mqtt::{MqttConnection, MqttMessage, MqttMessageListener, SubscribeOptions};

use super::ops::{FILTERS, LISTENERS, Op, REFUSED, TOPICS, ops};
use super::reference::{Fate, Held, Listening, Posted};
use crate::common::{connection_to, context, listener};
use crate::faults::life::version;
use crate::support::fake_broker::Version;
use crate::support::honest::{Honest, State};
use crate::support::within;

/// What the broker is like.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Manners {
    pub(super) bare: bool,
    pub(super) copies: bool,
}

/// Topics and payloads, in order of arrival.
type Log = Arc<Mutex<Vec<(String, String)>>>;

struct One {
    listener: Arc<dyn MqttMessageListener>,
    got: Log,
    listening: Listening,
}

struct Life<V> {
    broker: Honest<V>,
    connection: Arc<MqttConnection>,
    /// The last acknowledges by hand, and every third message that is for it alone only when it comes again.
    all: Vec<One>,
    posted: Vec<Posted>,
    /// The last kept message of each topic.
    kept: std::collections::BTreeMap<&'static str, usize>,
    /// From the first number to the second the broker may have forgotten subscriptions.
    doubtful: std::ops::Range<usize>,
    named: bool,
}

fn hears() -> One {
    let got = Log::default();
    let log = Arc::clone(&got);
    let listener = move |message: MqttMessage| {
        log.lock().unwrap().push((message.topic.to_string(), message.text().unwrap().to_owned()));
        async { Ok(()) }
    };
    One { listener: Arc::new(listener), got, listening: Listening::default() }
}

fn acknowledges() -> One {
    let (got, refused) = (Log::default(), Mutex::new(std::collections::HashSet::new()));
    let log = Arc::clone(&got);
    let listener = move |message: MqttMessage| {
        let text = message.text().unwrap().to_owned();
        let acknowledgement = message.acknowledgement();
        let third = message.topic.starts_with('m') && text.parse::<usize>().unwrap() % 3 == 0;
        let refuse = third && acknowledgement.is_some();
        if refuse && refused.lock().unwrap().insert(text.clone()) {
            drop(acknowledgement);
        } else {
            log.lock().unwrap().push((message.topic.to_string(), text));
            acknowledgement.into_iter().for_each(|it| it.acknowledge());
        }
        async { Ok(()) }
    };
    One { listener: Arc::new(listener), got, listening: Listening::default() }
}

pub(super) fn play<V: Version>(manners: Manners, seed: u64) {
    let ops = ops(seed);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let life = std::panic::AssertUnwindSafe(|| runtime.block_on(live::<V>(manners, &ops)));
    if let Err(panic) = std::panic::catch_unwind(life) {
        eprintln!("MQTT {}, {manners:?}, seed {seed}: {ops:#?}", V::NAME);
        std::panic::resume_unwind(panic);
    }
}

async fn live<V: Version>(manners: Manners, ops: &[Op]) {
    let broker = Honest::<V>::start([]).await;
    {
        let mut state = broker.state();
        (state.post.bare, state.post.copies) = (manners.bare, manners.copies);
        state.post.refused = REFUSED.map(str::to_owned).into();
    }
    let keys = [
        ("client_id", "me"),
        ("options.clean_session", "false"),
        ("options.reconnect_timeout", "1"),
        ("options.max_reconnect_timeout", "2"),
        ("options.unclaimed_timeout", "0"),
    ];
    let connection = connection_to(broker.port, &[&keys[..], version::<V>()].concat());
    let all = (0..LISTENERS).map(|_| hears()).chain([acknowledges()]).collect();
    let named = V::NAME == "5" && !manners.bare;
    let kept = Default::default();
    let mut life =
        Life { broker, connection, all, posted: Vec::new(), kept, doubtful: usize::MAX..usize::MAX, named };
    within("the link", life.connection.open(&context())).await.unwrap();
    life.subscribe(LISTENERS, "m/+", 2).await;
    for op in ops {
        life.step(op).await;
    }
    life.broker.clear_up();
    life.sweep().await;
    life.restored().await;
    life.settle().await;
    // Whatever was forgotten, everybody has what is its own again.
    life.doubtful.end = life.posted.len();
    for topic in 0..TOPICS.len() {
        life.post(topic, 2, false);
    }
    life.settle().await;
    life.check();
    within("the end", life.connection.close(&context())).await.unwrap();
}

impl<V: Version> Life<V> {
    async fn step(&mut self, op: &Op) {
        match op {
            Op::Post(topic, qos) => self.post(*topic, *qos, false),
            Op::Keep(topic, qos) => self.post(*topic, *qos, true),
            Op::Subscribe(who, filter, qos) => self.subscribe(*who, FILTERS[*filter], *qos).await,
            Op::Unsubscribe(who, filter) => self.unsubscribe(*who, FILTERS[*filter]).await,
            Op::Refused(filter) => self.refused(REFUSED[*filter]).await,
            Op::Abandon(filter) => {
                let options = SubscribeOptions::exactly_once();
                let gone = self.connection.subscribe(FILTERS[*filter], options, listener().0);
                let _ = tokio::time::timeout(Duration::ZERO, gone).await;
            }
            Op::Cut => self.broker.cut(),
            Op::Forecast(weather) => {
                if weather.forget {
                    self.doubtful.start = self.doubtful.start.min(self.posted.len());
                }
                self.broker.forecast(weather.clone());
            }
            Op::Reopen(count) => self.reopen(*count).await,
        }
    }

    fn post(&mut self, topic: usize, qos: u8, retain: bool) {
        let (number, topic) = (self.posted.len(), TOPICS[topic]);
        if retain {
            self.kept.insert(topic, number);
        }
        self.posted.push(Posted { topic, qos, retain, adrift: false });
        self.broker.post(topic, number.to_string(), qos, retain);
    }

    async fn subscribe(&mut self, who: usize, filter: &str, qos: u8) {
        let one = &mut self.all[who];
        let mut options = SubscribeOptions::default().qos(match qos {
            0 => wirework::mqtt::QoS::AtMostOnce,
            1 => wirework::mqtt::QoS::AtLeastOnce,
            _ => wirework::mqtt::QoS::ExactlyOnce,
        });
        if who == LISTENERS {
            options = options.manual_ack();
        }
        one.listening.ever.insert(filter.to_owned());
        if qos < 2 {
            one.listening.loose.insert(filter.to_owned());
        }
        let new = !one.listening.held.contains_key(filter);
        let asked = self.connection.subscribe(filter, options, Arc::clone(&one.listener));
        within("a grant", asked).await.unwrap();
        one.listening.held.insert(filter.to_owned(), Held { since: self.posted.len(), qos });
        let kept = self.kept.iter().filter(|(topic, number)| {
            new && qos > 0 && matches(topic, filter) && self.posted[**number].qos > 0
        });
        one.listening.kept.extend(kept.map(|(_, number)| number.to_string()));
    }

    async fn unsubscribe(&mut self, who: usize, filter: &str) {
        let one = &mut self.all[who];
        let had = one.listening.held.remove(filter).is_some();
        one.listening.loose.insert(filter.to_owned());
        // What it was promised may not come any more.
        one.listening.kept.clear();
        let gone = within("the leave", self.connection.unsubscribe(filter, &one.listener)).await.unwrap();
        assert_eq!(gone, had, "{filter}");
    }

    async fn refused(&mut self, filter: &str) {
        let options = SubscribeOptions::exactly_once();
        let asked = self.connection.subscribe(filter, options, listener().0);
        let error = Error::from(within("the refusal", asked).await.unwrap_err());
        assert_eq!(error.code(), "SUBSCRIBE_REFUSED");
        assert!(error.to_string().contains(&format!("`{filter}`")), "{error}");
    }

    async fn reopen(&mut self, count: usize) {
        within("the end", self.connection.close(&context())).await.unwrap();
        for number in 0..count {
            self.post(number % TOPICS.len(), 1 + (number % 2) as u8, false);
        }
        for payload in self.broker.state().unfinished() {
            let number: usize = std::str::from_utf8(&payload).unwrap().parse().unwrap();
            self.posted[number].adrift = true;
        }
        within("the link", self.connection.open(&context())).await.unwrap();
        for who in 0..self.all.len() {
            self.all[who].listening.kept.clear();
            for (filter, held) in self.all[who].listening.held.clone() {
                self.subscribe(who, &filter, held.qos).await;
                self.all[who].listening.held.insert(filter, held);
            }
        }
        self.sweep().await;
    }

    /// What nobody wants any more, of filters that were taken back or given up, would wait for ever.
    async fn sweep(&self) {
        let rest = listener().0;
        for filter in FILTERS {
            let options = SubscribeOptions::at_least_once();
            let asked = self.connection.subscribe(filter, options, Arc::clone(&rest));
            within("a grant", asked).await.unwrap();
        }
        for filter in FILTERS {
            within("the leave", self.connection.unsubscribe(filter, &rest)).await.unwrap();
        }
    }

    /// Everything comes to its end; what was refused comes on another link.
    async fn settle(&self) {
        within("the broker to be done", async {
            while !self.broker.state().is_idle() {
                let idle = self.broker.until("all acknowledgements", |state| state.is_idle());
                if tokio::time::timeout(Duration::from_millis(200), idle).await.is_err() {
                    self.broker.cut();
                }
            }
        })
        .await;
    }

    /// A broker that has forgotten its session is asked for everything anew.
    async fn restored(&self) {
        let held = self.all.iter().flat_map(|one| one.listening.held.keys());
        let held: Vec<Filter> = held.map(|filter| filter.parse().unwrap()).collect();
        let covered = |state: &State| {
            let known = state.subscriptions.keys().map(|filter| filter.parse().unwrap());
            let known: Vec<Filter> = known.collect();
            held.iter().all(|filter| known.iter().any(|known| known.covers(filter)))
        };
        within("what is held", self.broker.until("all subscriptions", covered)).await;
    }

    fn fate(&self, number: usize) -> Fate {
        let state = self.broker.state();
        let payload = Bytes::from(number.to_string());
        let doubtful = state.post.forgotten > 0 && self.doubtful.contains(&number);
        let routed = doubtful.then(|| state.post.routed[&payload].clone());
        Fate { lost: state.post.lost.contains(&payload), routed }
    }

    fn check(&self) {
        assert_eq!(self.broker.state().violations, Vec::<String>::new());
        for (who, One { got, listening, .. }) in self.all.iter().enumerate() {
            let got = got.lock().unwrap();
            for (topic, payload) in got.iter() {
                assert!(listening.matches(topic), "listener {who} got {payload} on {topic}");
            }
            for (number, posted) in self.posted.iter().enumerate() {
                let (text, fate) = (number.to_string(), self.fate(number));
                let times = got.iter().filter(|(_, payload)| *payload == text).count();
                let story =
                    || format!("{text} came {times} times to {who}: {posted:?}, {fate:?}, {listening:?}");
                let must = listening.must(number, posted, &fate, self.named) && !posted.adrift;
                assert!(times > 0 || !must, "{}", story());
                assert!(times > 0 || fate.lost || !listening.kept.contains(&text), "kept {}", story());
                assert!(times <= 1 || !listening.once(number, posted, self.named), "{}", story());
            }
        }
        self.check_adrift();
    }

    /// What a closed connection left at the broker came to one of those who wanted it before and after.
    fn check_adrift(&self) {
        for (number, posted) in self.posted.iter().enumerate().filter(|(_, posted)| posted.adrift) {
            let (text, fate) = (number.to_string(), self.fate(number));
            let must = self.all.iter().any(|one| one.listening.must(number, posted, &fate, self.named));
            let came = self.all.iter().any(|one| one.got.lock().unwrap().iter().any(|(_, got)| *got == text));
            assert!(came || !must, "{text} was left behind: {posted:?}, {fate:?}");
        }
    }
}
