//! Processes that live in a store while others die in it: one reads, the others make and delete
//! objects of their own. They report what they find wrong by panicking.
use super::world::{KEPT, KEPT_SIZES, VICTIM, WorldKind};
use super::{Child, Rng, connect, content, get_checked, hear, id, is_content, say, spawn};
use plasma::{Buffer, Client, ConnectOptions, CreateOptions, Result, Status};
use std::sync::mpsc::{TryRecvError, channel};
use std::time::Duration;

/// Objects of the bystanders that write.
pub const NEIGHBOUR: u8 = 5;
const NUMBERS: u64 = 8;
/// Pause between two steps of a bystander, so that the victims get a processor.
const BREATH: Duration = Duration::from_micros(100);

/// A bystander, as the test sees it.
pub struct Bystander {
    child: Child,
    name: String,
}

impl Bystander {
    pub fn start(test: &str, name: &str, address: &str, kind: WorldKind, seed: u64) -> Bystander {
        let kind = format!("{kind:?}");
        let child = spawn(test, &[name, address, &kind, &seed.to_string()]);
        child.expect("ready");
        Bystander { child, name: name.to_owned() }
    }

    fn say(&mut self, order: &str, answer: &str, what: &str) {
        self.child.tell(order);
        assert_eq!(self.child.next().as_deref(), Some(answer), "the {} during {what}", self.name);
    }

    /// Makes it release everything that it holds, and wait.
    pub fn pause(&mut self, what: &str) {
        self.say("pause", "paused", what);
    }

    pub fn go_on(&mut self) {
        self.child.tell("go on");
    }

    pub fn end(mut self, what: &str) {
        self.say("end", "saw nothing wrong", what);
        assert!(self.child.end().success(), "{what}");
    }
}

/// Plays a bystander, if that is the role of this process.
pub fn play(role: &[String]) -> bool {
    match role[0].as_str() {
        "reader" => Reader::new(&role[1], kind_of(&role[2])).live(),
        "neighbour" => Neighbour::new(&role[1], role[3].parse().unwrap()).live(),
        _ => return false,
    }
    true
}

pub fn kind_of(name: &str) -> WorldKind {
    WorldKind::ALL.into_iter().find(|kind| format!("{kind:?}") == name).unwrap()
}

trait Live: Sized {
    fn round(&mut self);
    fn let_go(&mut self);

    fn live(mut self) {
        let (send, orders) = channel();
        std::thread::spawn(move || while hear().is_some_and(|line| send.send(line).is_ok()) {});
        say("ready");
        loop {
            match orders.try_recv().as_deref() {
                Ok("pause") => {
                    self.let_go();
                    say("paused");
                    if orders.recv().as_deref() != Ok("go on") {
                        return;
                    }
                }
                Ok("end") => break,
                Ok(order) => panic!("{order}?"),
                Err(TryRecvError::Disconnected) => return,
                Err(TryRecvError::Empty) => {}
            }
            self.round();
            std::thread::sleep(BREATH);
        }
        self.let_go();
        say("saw nothing wrong");
    }
}

/// Gets the permanent objects, by id and by name, and objects that do not exist; and holds objects
/// that the victims make.
struct Reader {
    client: Client,
    contents: Vec<Vec<u8>>,
    /// Whether it also looks for the objects of the victims.
    curious: bool,
    held: Option<(u64, Buffer)>,
    rounds: u64,
}

impl Reader {
    fn new(address: &str, kind: WorldKind) -> Reader {
        let options = ConnectOptions::default().existing(true).read_only(true);
        let client = Client::connect(Some(address), &options).unwrap();
        let sizes = KEPT_SIZES.iter().enumerate().take(kind.kept());
        let contents = sizes.map(|(i, size)| content(&id(KEPT, i as u64), *size)).collect();
        Reader { client, contents, curious: kind == WorldKind::Busy, held: None, rounds: 0 }
    }
}

impl Live for Reader {
    fn round(&mut self) {
        for (i, expected) in self.contents.iter().enumerate() {
            let by_id = self.client.get(&id(KEPT, i as u64), Some(Duration::ZERO));
            let by_id = by_id.unwrap_or_else(|e| panic!("kept object {i} was missed: {e}"));
            // The large ones only occasionally, because reading them takes most of the time.
            if expected.len() < 10_000 || self.rounds.is_multiple_of(64) {
                assert!(*by_id == **expected, "kept object {i} is wrong");
            }
            let named = self.client.get_by_name(&format!("kept-{i}"), Some(Duration::ZERO));
            assert!(named.is_ok_and(|named| named.len() == expected.len()), "kept-{i}");
        }
        let miss = self.client.get(&id(9, self.rounds), Some(Duration::ZERO)).unwrap_err();
        assert_eq!(miss.status(), Status::NotFound, "{miss}");
        if self.curious {
            // A sealed object is held for a round, and does not change.
            if let Some((number, held)) = self.held.take() {
                assert!(is_content(&id(VICTIM, number), &held), "object {number} changed");
            }
            let number = self.rounds % 10;
            // A wait gives the sealers a waiter to wake.
            let wait = Some(Duration::from_micros(100 * (self.rounds % 3)));
            match self.client.get(&id(VICTIM, number), wait) {
                Ok(buffer) => self.held = Some((number, buffer)),
                Err(error) => {
                    use Status::{Aborted, Failed, NotFound, NotSealed, Timeout};
                    let right = [NotFound, NotSealed, Aborted, Timeout, Failed];
                    assert!(right.contains(&error.status()), "{error}");
                }
            }
        }
        self.rounds += 1;
    }

    fn let_go(&mut self) {
        self.held = None;
    }
}

/// Creates, changes, seals, aborts, gets and deletes.
struct Neighbour {
    client: Client,
    rng: Rng,
    held: Option<Buffer>,
}

impl Neighbour {
    fn new(address: &str, seed: u64) -> Neighbour {
        Neighbour { client: connect(address), rng: Rng(seed), held: None }
    }

    fn make(&mut self, number: u64) -> Result<()> {
        let name = format!("neighbour-{number}");
        let name = (self.rng.below(2) == 0).then_some(&*name);
        let options = CreateOptions::default().name(name).metadata(&[("a", b"b")]);
        let id = id(NEIGHBOUR, number);
        let mut writer = self.client.create(&id, self.rng.below(4000), &options)?;
        if self.rng.below(3) == 0 {
            writer.resize(self.rng.below(9000))?;
            writer.set_metadata("a", b"c")?;
        }
        super::fill(&id, writer.as_mut_slice());
        match self.rng.below(4) {
            0 => writer.abort().unwrap(),
            1 => self.held = Some(writer.seal_and_get().unwrap()),
            _ => writer.seal().unwrap(),
        }
        Ok(())
    }
}

impl Live for Neighbour {
    fn round(&mut self) {
        let number = self.rng.below(NUMBERS);
        let done = match self.rng.below(8) {
            0..3 => self.make(number),
            3..6 => {
                // The bytes follow from the id, whichever process made it.
                self.held = match self.client.get(&id(NEIGHBOUR, number), Some(Duration::ZERO)) {
                    Ok(buffer) => Some(buffer),
                    Err(error) => return expected(Err(error)),
                };
                let held = self.held.as_ref().unwrap();
                assert!(is_content(&id(NEIGHBOUR, number), held), "object {number} is wrong");
                Ok(())
            }
            _ => self.client.delete(&id(NEIGHBOUR, number)),
        };
        expected(done);
    }

    fn let_go(&mut self) {
        self.held = None;
        for number in 0..NUMBERS {
            // The other neighbour may be about to seal it.
            while get_or_not_sealed(&self.client, number) {
                expected(self.client.delete(&id(NEIGHBOUR, number)));
            }
        }
    }
}

fn get_or_not_sealed(client: &Client, number: u64) -> bool {
    client.contains(&id(NEIGHBOUR, number)).unwrap() == plasma::ObjectState::Sealed
        && get_checked(client, &id(NEIGHBOUR, number)).is_some()
}

/// Two bystanders use the same ids and names, and a store with eviction may be short of room.
fn expected(done: Result<()>) {
    let right = [
        Status::NotFound,
        Status::NotSealed,
        Status::Exists,
        Status::NameExists,
        Status::OutOfMemory,
    ];
    if let Err(error) = done {
        assert!(right.contains(&error.status()), "{error}");
    }
}
