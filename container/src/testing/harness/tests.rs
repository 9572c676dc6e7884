//! The kit, tested with a component that can do everything the kit looks at.

use schemars::JsonSchema;
use serde::Deserialize;
use wirework::component::{Context, NoConfig, Offer};
use wirework::log::Logger;
use wirework::{Category, offers, references};

use super::*;

trait Clock: Send + Sync {
    fn hour(&self) -> u32;
}
wirework::capability!(dyn Clock);

/// Stands still.
struct Stopped(u32);

impl Clock for Stopped {
    fn hour(&self) -> u32 {
        self.0
    }
}

impl Component for Stopped {
    const DESCRIPTOR: &'static str = "t:clock:fake:*:1.0";
    const SUMMARY: &'static str = "Clock that stands still.";
    const OFFERS: &'static [&'static dyn Offer] = offers![dyn Clock];
    type Config = NoConfig;
    type References = ();
    fn create(_: &Descriptor, _: NoConfig, (): ()) -> Result<Self, Error> {
        Ok(Self(0))
    }
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct CuckooConfig {
    /// How often it calls.
    calls: u32,
    /// What it does once it is open.
    #[serde(default)]
    then: String,
}

references! {
    struct CuckooReferences {
        /// What time it is.
        clock: Arc<dyn Clock> = "t:clock:*:*:1.0",
        /// Where it calls.
        logger: Logger = "*:logger:*:*:1.0",
    }
}

struct Cuckoo {
    config: CuckooConfig,
    references: CuckooReferences,
}

impl Component for Cuckoo {
    const DESCRIPTOR: &'static str = "t:cuckoo:x:*:1.0";
    const SUMMARY: &'static str = "Calls.";
    type Config = CuckooConfig;
    type References = CuckooReferences;
    fn create(_: &Descriptor, config: CuckooConfig, references: CuckooReferences) -> Result<Self, Error> {
        Ok(Self { config, references })
    }
    async fn open(&self, context: &Context) -> Result<(), Error> {
        let tired = || Error::new(Category::Internal, "TEST", "tired");
        for _ in 0..self.config.calls {
            self.references.logger.warn(format_args!("cuckoo at {}", self.references.clock.hour()));
        }
        match &*self.config.then {
            "fail" => return Err(tired()),
            "lose" => context.set_status(Status::recovering("lost already")),
            "recover" => {
                let (task, error) = (context.clone(), tired());
                context.spawn("recover", async move {
                    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
                    task.set_status(Status::recovering(error.to_string()));
                    Ok(())
                });
            }
            "stop" => {
                let (task, error) = (context.clone(), tired());
                context.spawn("stop", async move {
                    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
                    task.stop(error);
                    Ok(())
                });
            }
            _ => {}
        }
        Ok(())
    }
}

const NAME: &str = "t:cuckoo:x:test:1.0";

fn cuckoo(config: &str) -> Harness<Cuckoo> {
    Harness::new(NAME).config(config).fake("t:clock:fake:noon:1.0", Arc::new(Stopped(12)))
}

#[tokio::test]
async fn what_is_lost_before_open_returns_is_not_open_after_it() {
    let running = cuckoo("calls = 0\nthen = 'lose'").open().await.unwrap();
    assert!(matches!(running.status(), Status::Recovering(_)), "{:?}", running.status());
}

#[tokio::test]
async fn it_gets_its_fakes_and_what_it_says_is_recorded() {
    let running = cuckoo("calls = 2").open().await.unwrap();
    assert!(running.status().is_open());
    assert_eq!(running.component().unwrap().references.clock.hour(), 12);
    let name: Descriptor = NAME.parse().unwrap();
    let said: Vec<_> =
        running.records().into_iter().filter(|record| record.component.as_ref() == Some(&name)).collect();
    let call = Recorded { level: Level::Warn, component: Some(name), message: "cuckoo at 12".to_owned() };
    assert_eq!(said, [call.clone(), call]);
    running.close().await.unwrap();
}

/// A fake that is no component.
struct Noon;

impl Clock for Noon {
    fn hour(&self) -> u32 {
        12
    }
}

#[tokio::test]
async fn a_trait_is_faked_in_one_line() {
    let harness = Harness::<Cuckoo>::new(NAME).config("calls = 1");
    let running = harness.offer::<dyn Clock>("t:clock:fake:noon:1.0", Arc::new(Noon)).open().await.unwrap();
    assert_eq!(running.component().unwrap().references.clock.hour(), 12);
    let shown = "Running({`t:clock:fake:noon:1.0`: \"open\", `wirework:logger:recorder:default:1.0`: \"open\", \
                 `t:cuckoo:x:test:1.0`: \"open\"})";
    assert_eq!(format!("{running:?}"), shown);
    running.close().await.unwrap();
}

#[tokio::test]
async fn what_a_test_prints_can_be_read() {
    let clock = |config: &str| cuckoo(config).open();
    let shown = [
        clock("# Calls\ncals = 2").await.unwrap_err(),
        clock("calls = 2\nthen = 5").await.unwrap_err(),
        clock("calls = \nthen = 'x'").await.unwrap_err(),
        clock("calls = 0\nthen = 'fail'").await.unwrap_err(),
        Harness::<Cuckoo>::new("t:cuckoo").open().await.unwrap_err(),
        Harness::<Cuckoo>::new(NAME).config("calls = 1").open().await.unwrap_err(),
    ];
    insta::assert_snapshot!(shown.map(|error| format!("{error:?}")).join("\n---\n"));
}

#[tokio::test]
async fn a_bad_configuration_and_a_missing_fake_show_as_check_shows_them() {
    let error = Harness::<Cuckoo>::new(NAME).config("cals = 2").open().await.expect_err("problems");
    let text = error.to_string();
    assert!(matches!(error, HarnessError::Plan(_)));
    assert!(text.contains("cals") && text.contains("did you mean `calls`"), "{text}");
    assert!(text.contains("reference `clock`") && text.contains("no component matches"), "{text}");
}

#[tokio::test]
async fn a_malformed_descriptor_is_an_error() {
    let open = Harness::<Cuckoo>::new("t:cuckoo").open().await;
    assert!(matches!(open, Err(HarnessError::Descriptor(_))));
    let open = cuckoo("calls = 0").fake("clock", Arc::new(Stopped(1))).open().await;
    assert!(matches!(open, Err(HarnessError::Descriptor(_))));
}

#[tokio::test]
async fn a_failed_open_is_an_error_with_its_cause() {
    match cuckoo("calls = 0\nthen = 'fail'").open().await {
        Err(HarnessError::Start(failures)) => assert_eq!(failures.first().source.chain(), "tired"),
        _ => panic!("it cannot open"),
    }
}

#[tokio::test(start_paused = true)]
async fn its_status_and_its_wish_to_stop_are_seen() {
    let running = cuckoo("calls = 0\nthen = 'recover'").open().await.unwrap();
    running.wait(|status| matches!(status, Status::Recovering(_))).await;
    assert_eq!(running.status().to_string(), "recovering: tired");
    running.close().await.unwrap();

    let running = cuckoo("calls = 0\nthen = 'stop'").open().await.unwrap();
    let failure = running.failed().await;
    assert_eq!((failure.component.as_str(), failure.source.chain()), (NAME, "tired".to_owned()));
    running.close().await.unwrap();
}
