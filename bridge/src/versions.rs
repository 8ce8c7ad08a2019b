//! How the versions of a message type turn into each other, for the whole process.

use std::any::{Any, TypeId};
use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::error::Error;
use std::sync::{Arc, Mutex, RwLock};

use actorbridge_proto::v1::Code;

use crate::actor::State;
use crate::error::Fault;
use crate::message::Payload;
use crate::node::lock;

/// What a cast ends with. Every error becomes one with `?`, and so does a text with `.into()`.
pub type CastResult = Result<(), Box<dyn Error + Send + Sync>>;

/// A function that casts. It captures nothing, so its type says which one it is.
struct Cast<T: 'static> {
    run: &'static (dyn Fn(&mut T) -> CastResult + Send + Sync),
    which: TypeId,
}

impl<T> Clone for Cast<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Cast<T> {}

impl<T> Cast<T> {
    fn of<F: Fn(&mut T) -> CastResult + Send + Sync + 'static>(change: F) -> Self {
        const {
            assert!(
                size_of::<F>() == 0,
                "a cast is a function, or a closure that captures nothing"
            )
        };
        Self {
            // A box of nothing takes no memory.
            run: Box::leak(Box::new(change)),
            which: TypeId::of::<F>(),
        }
    }
}

/// Casts of one type, by version: up from it, down to it with its min_reader.
struct Casts<T: 'static> {
    up: BTreeMap<u32, Cast<T>>,
    down: BTreeMap<u32, (u32, Cast<T>)>,
    copy: Option<fn(&T) -> T>,
}

/// As [`older_state`], of a state that is a message of one type.
type OlderState = fn(&State, reads: u32) -> Result<State, String>;

/// All casts, a [`Casts`] for each type.
static CASTS: RwLock<Option<HashMap<TypeId, Arc<dyn Any + Send + Sync>>>> = RwLock::new(None);
/// What makes older versions of the states of a type, by its name and version: a state is bytes already.
static STATES: Mutex<BTreeMap<(&'static str, u32), OlderState>> = Mutex::new(BTreeMap::new());
/// Held while casts are changed.
static CHANGE: Mutex<()> = Mutex::new(());

fn casts<T: Payload>() -> Option<Arc<Casts<T>>> {
    let all = CASTS.read().unwrap_or_else(|e| e.into_inner());
    let casts = all.as_ref()?.get(&TypeId::of::<T>())?.clone();
    casts.downcast().ok()
}

fn change<T: Payload>(change: impl FnOnce(&mut Casts<T>)) {
    let _one = lock(&CHANGE);
    // Those that exist may be in use.
    let mut new = casts::<T>().map_or_else(
        || Casts {
            up: BTreeMap::new(),
            down: BTreeMap::new(),
            copy: None,
        },
        |old| Casts {
            up: old.up.clone(),
            down: old.down.clone(),
            copy: old.copy,
        },
    );
    change(&mut new);
    let mut all = CASTS.write().unwrap_or_else(|e| e.into_inner());
    all.get_or_insert_default().insert(TypeId::of::<T>(), Arc::new(new));
}

thread_local! {
    /// As [`NAMES`], for a look that waits for nobody.
    static NAMES_HERE: RefCell<HashMap<TypeId, &'static str>> = RefCell::default();
}

/// The full name of each message type that was asked for.
static NAMES: Mutex<Option<HashMap<TypeId, &'static str>>> = Mutex::new(None);

/// The full name of a message type. Generated code makes a String of it each time.
pub(crate) fn name_of<T: Payload>() -> &'static str {
    let id = TypeId::of::<T>();
    let look = |names: &RefCell<HashMap<_, _>>| {
        *names.borrow_mut().entry(id).or_insert_with(|| {
            let mut all = lock(&NAMES);
            let all = all.get_or_insert_default();
            *all.entry(id)
                .or_insert_with(|| Box::leak(T::full_name().into_boxed_str()))
        })
    };
    NAMES_HERE.with(look)
}

/// Says how a message that a writer of version `from` wrote becomes one of the next version: `change` fills in what version
/// `from` did not have. Whoever decodes one, also an actor's state, runs all from the writer's version up to this program's;
/// a version without one needs none. An error makes the message UNDECODABLE.
///
/// It is for the whole process: call it before the node starts. The same function again, as from a set-up that runs twice,
/// changes nothing. `change` captures nothing; that is checked when it is compiled.
///
/// # Panics
/// If it can never run, since `T` has no version after `from`; if there is another one from this version.
pub fn upcast<T: Payload>(from: u32, change: impl Fn(&mut T) -> CastResult + Send + Sync + 'static) {
    let (name, version) = (T::full_name(), T::VERSION);
    assert!(
        (1..version).contains(&from),
        "upcast from version {from} of {name}, whose version is {version}: it is never run"
    );
    let new = Cast::of(change);
    self::change::<T>(|casts| {
        let there = casts.up.entry(from).or_insert(new);
        let same = there.which == new.which;
        assert!(same, "another upcast from version {from} of {name} is there already");
    });
}

/// Says how a message is written for a peer that cannot read this program's version of it: `change` turns a copy of the next
/// newer version that there is, which is this program's own or that of another downcast, into one that version `to` would
/// have written, which readers from version `min_reader` on can read. A sender then writes, for each peer, the newest version
/// that the peer reads. Each message of such a type is encoded once for each of its versions. An error is told to who sends
/// to a peer that needs this version or an older one, and to nobody else. An actor whose state is such a message moves with
/// the newest version of it that the other node reads.
///
/// It is for the whole process: call it before the node starts. The same function again, as from a set-up that runs twice,
/// changes nothing. `change` captures nothing; that is checked when it is compiled.
///
/// # Panics
/// If it can never run, since the version of `T` is not above `to`, or `min_reader` is; if there is another one to this
/// version.
pub fn downcast<T: Payload + Clone>(
    to: u32,
    min_reader: u32,
    change: impl Fn(&mut T) -> CastResult + Send + Sync + 'static,
) {
    let (name, version) = (T::full_name(), T::VERSION);
    assert!(
        (1..version).contains(&to) && (1..=to).contains(&min_reader),
        "downcast to version {to} of {name} with min_reader {min_reader}, whose version is {version}: `to` must be below \
         that, and min_reader from 1 to it"
    );
    let new = Cast::of(change);
    self::change::<T>(|casts| {
        casts.copy = Some(T::clone);
        let there = casts.down.entry(to).or_insert((min_reader, new));
        let same = there.0 == min_reader && there.1.which == new.which;
        assert!(same, "another downcast to version {to} of {name} is there already");
    });
    lock(&STATES).insert((name_of::<T>(), version), older_state_of::<T>);
}

/// Brings a message from the version that it was written with to this program's. An error is UNDECODABLE.
pub(crate) fn bring_up<T: Payload>(message: &mut T, from: u32) -> Result<(), Fault> {
    if from >= T::VERSION {
        return Ok(());
    }
    let Some(casts) = casts::<T>() else { return Ok(()) };
    for (from, cast) in casts.up.range(from.max(1)..) {
        (cast.run)(message).map_err(|why| {
            let (name, to) = (name_of::<T>(), from + 1);
            let detail = format!("{name} of version {from} does not become version {to}: {why}");
            Fault::new(Code::Undecodable, detail)
        })?;
    }
    Ok(())
}

/// The message as older versions would have written it, from the newest to the oldest: version, min_reader and message. One
/// that cannot be made ends them; the error says why, for who needs it.
pub(crate) fn bring_down<T: Payload>(message: &T, mut each: impl FnMut(u32, u32, &T)) -> Result<(), String> {
    // Every reader reads what needs version 1.
    if T::MIN_READER <= 1 {
        return Ok(());
    }
    let Some(casts) = casts::<T>() else { return Ok(()) };
    let Some(copy) = casts.copy else { return Ok(()) };
    let mut older = copy(message);
    for (to, (min_reader, cast)) in casts.down.iter().rev() {
        (cast.run)(&mut older).map_err(|why| not_written(*to, why))?;
        each(*to, *min_reader, &older);
    }
    Ok(())
}

pub(crate) fn not_written(version: u32, why: impl std::fmt::Display) -> String {
    format!("version {version} cannot be written: {why}")
}

/// A state as the newest version that a reader of version `reads` knows. It may not be a newer one, whatever its min_reader: a
/// state is kept and written again by who takes it over, without the fields that it does not know. The error says why there
/// is none.
pub(crate) fn older_state(state: &State, reads: u32) -> Result<State, String> {
    let older = lock(&STATES).get(&(state.type_name.as_str(), state.version)).copied();
    older.map_or_else(|| Err(NO_DOWNCAST.into()), |older| older(state, reads))
}

const NO_DOWNCAST: &str = "no downcast writes that";

fn older_state_of<T: Payload>(state: &State, reads: u32) -> Result<State, String> {
    let Some(casts) = casts::<T>() else {
        return Err(NO_DOWNCAST.into());
    };
    let mut older = T::decode(state.bytes.clone()).map_err(|e| format!("the state does not decode: {e}"))?;
    for (to, (_, cast)) in casts.down.iter().rev() {
        (cast.run)(&mut older).map_err(|why| not_written(*to, why))?;
        if *to <= reads {
            let bytes = older.encode_to_vec().into();
            return Ok(State {
                type_name: state.type_name.clone(),
                version: *to,
                bytes,
            });
        }
    }
    Err(NO_DOWNCAST.into())
}
