//! How much room a list keeps that is emptied every turn.
//!
//! Publishers hand over thousands of messages at a time or one now and then. A list that gave its room back after each burst
//! would have the system map and clear it anew for the next; one that kept it would hold megabytes for nothing.

/// How many entries always have room.
const FEW: usize = 1024;

/// How long a list has been lately.
#[derive(Default)]
pub(super) struct Burst(usize);

impl Burst {
    /// It has become so long. What was longer is forgotten by a sixteenth a turn.
    pub(super) fn note(&mut self, length: usize) {
        self.0 = length.max(self.0 - self.0.div_ceil(16));
    }

    /// Gives back the room of a list that has been short for some time.
    pub(super) fn trim<T>(&self, list: &mut Vec<T>) {
        let wanted = self.0.max(FEW);
        if list.capacity() / 4 > wanted {
            list.shrink_to(wanted);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turn(burst: &mut Burst, list: &mut Vec<u64>, length: usize) -> usize {
        list.extend(0..length as u64);
        burst.note(list.len());
        list.clear();
        burst.trim(list);
        list.capacity()
    }

    #[test]
    fn room_is_kept_from_burst_to_burst_and_given_back_when_none_come() {
        let (mut burst, mut list) = (Burst::default(), Vec::new());
        let full = turn(&mut burst, &mut list, 50_000);
        for _ in 0..100 {
            for few in 0..10 {
                assert_eq!(turn(&mut burst, &mut list, few), full, "the next burst is near");
            }
            assert_eq!(turn(&mut burst, &mut list, 50_000), full);
        }
        let last = (0..100).map(|_| turn(&mut burst, &mut list, 1)).last();
        assert!(last.is_some_and(|last| (FEW..=4 * FEW + 3).contains(&last)), "{last:?}");
    }
}
