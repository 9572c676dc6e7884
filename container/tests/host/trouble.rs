//! A component that misbehaves where and how its section says.

use std::net::TcpStream;
use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;
use wirework::component::{Component, Context};
use wirework::{Category, Descriptor, Error, register};

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TroubleConfig {
    /// In which phase.
    phase: Option<Phase>,
    /// In which way.
    #[serde(default)]
    how: How,
    /// An address to connect to when it is open.
    announce: Option<String>,
    /// What it prints, on a thread of its own, when it opens.
    prints: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Phase {
    Create,
    Open,
    /// In a task that it has started, when SIGUSR2 comes.
    Task,
    Close,
}

#[derive(Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum How {
    #[default]
    Fails,
    Panics,
    /// Waits for ever.
    Hangs,
}

/// See the module.
pub struct Trouble(TroubleConfig);

impl Component for Trouble {
    const DESCRIPTOR: &'static str = "test:trouble:default:*:1.0";
    const SUMMARY: &'static str = "Misbehaves on demand.";
    type Config = TroubleConfig;
    type References = ();

    fn create(_: &Descriptor, config: TroubleConfig, (): ()) -> Result<Self, Error> {
        if config.phase == Some(Phase::Create) {
            match config.how {
                How::Fails => return Err(failure()),
                How::Panics => panic!("of all things"),
                How::Hangs => std::thread::sleep(Duration::from_secs(3600)),
            }
        }
        Ok(Self(config))
    }

    async fn open(&self, context: &Context) -> Result<(), Error> {
        if self.0.phase == Some(Phase::Task) {
            let how = self.0.how;
            let mut called = listen()?;
            context.spawn("work", async move {
                called.recv().await;
                misbehave(how).await
            });
        }
        self.at(Phase::Open).await?;
        if let Some(text) = self.0.prints.clone() {
            std::thread::spawn(move || print!("{text}"));
        }
        if let Some(address) = &self.0.announce {
            TcpStream::connect(address).map_err(|error| {
                Error::new(Category::Internal, "NO_ANNOUNCEMENT", "cannot connect").with_source(error)
            })?;
        }
        Ok(())
    }

    async fn close(&self, _: &Context) -> Result<(), Error> {
        self.at(Phase::Close).await
    }
}
register!(Trouble);

impl Trouble {
    async fn at(&self, phase: Phase) -> Result<(), Error> {
        if self.0.phase == Some(phase) { misbehave(self.0.how).await } else { Ok(()) }
    }
}

/// Listens for SIGUSR2.
fn listen() -> Result<tokio::signal::unix::Signal, Error> {
    use tokio::signal::unix::{SignalKind, signal};
    signal(SignalKind::user_defined2())
        .map_err(|error| Error::new(Category::Internal, "NO_SIGNAL", "cannot listen").with_source(error))
}

async fn misbehave(how: How) -> Result<(), Error> {
    match how {
        How::Fails => Err(failure()),
        How::Panics => panic!("of all things"),
        How::Hangs => std::future::pending().await,
    }
}

fn failure() -> Error {
    let source = std::io::Error::other("the disk is full");
    Error::new(Category::FileError, "NO_SPACE", "cannot keep `state.db`").with_source(source)
}
