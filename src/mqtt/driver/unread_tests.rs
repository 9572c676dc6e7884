//! A broker that sends and does not read what it is answered.

use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::time::Instant;
use tokio_util::codec::Framed;

use super::core::Core;
use super::drive::{Drive, End};
use super::fuzz;
use crate::mqtt::Lost;
use crate::mqtt::protocol::{Protocol, V4};
use crate::mqtt::transport::Counted;

const LOT: usize = 1024;

fn core() -> Core {
    fuzz::core(fuzz::settings("3.1.1", 0))
}

async fn at_work(core: &mut Core) -> (Drive<'_, V4, Counted<DuplexStream>>, DuplexStream) {
    let (ours, theirs) = duplex(4096);
    let framed = Framed::new(Counted::new(ours), V4::codec(16_384, 0));
    let mut drive = Drive::<V4, _>::new(framed, core, Instant::now());
    drive.restore().await.map_err(|_| "it ended").unwrap();
    (drive, theirs)
}

/// PUBREL, again and again; each is answered.
async fn releases(to: &mut DuplexStream, lots: usize) {
    let lot = [0x62, 2, 0, 1].repeat(LOT);
    for _ in 0..lots {
        if to.write_all(&lot).await.is_err() {
            return;
        }
    }
}

#[tokio::test]
async fn answers_that_are_not_read_take_bounded_memory_and_end_the_link() {
    let mut core = core();
    let (mut drive, mut theirs) = at_work(&mut core).await;
    let end = tokio::select! {
        end = drive.run() => Some(end),
        () = releases(&mut theirs, 1000) => None,
    };
    let waiting = drive.framed.write_buffer().len();
    assert!(waiting < 512 * 1024, "{waiting} bytes wait");
    assert!(matches!(end, Some(End::Lost(Lost::Unexpected(_)))));
}

#[tokio::test]
async fn a_broker_that_reads_late_gets_all_answers() {
    let lots = 100;
    let mut core = core();
    let (mut drive, mut theirs) = at_work(&mut core).await;
    let script = async {
        releases(&mut theirs, lots).await;
        let mut answer = [0; 4];
        for _ in 0..lots * LOT {
            theirs.read_exact(&mut answer).await.unwrap();
            assert_eq!(answer, [0x70, 2, 0, 1]);
        }
    };
    tokio::select! {
        _ = drive.run() => unreachable!("nothing ends it"),
        () = script => {}
    }
}
