//! The form in which a program says which actors it has.

/// Defines `pub fn module()`: this crate's actors, by path or pattern.
///
/// An actor with a fixed path is there from the start; one of a pattern, `order/*` for every path below `order/` or `*` for
/// every path, is made by an incoming spawn or move. What makes an actor is any function that can be called again after a panic, such as the one that
/// `actorbridge gen` writes for a service. A crate whose actors are linked into a Go or C program uses
/// `actorbridge_ffi::module!` instead, in the same form.
///
/// `set_up` is optional: a function without arguments that runs each time a node of the module is made, before its actors
/// are. It is the place for [`upcast`](crate::upcast) and [`downcast`](crate::downcast): to register the same cast again
/// changes nothing. `propagator: value,` behind it is [`Module::propagator`](crate::Module::propagator).
///
/// ```
/// # mod shop {
/// #     use actorbridge::{Actor, Cx, Fault, Message};
/// #     pub struct OrderActor<A>(A);
/// #     impl<A: Send + 'static> Actor for OrderActor<A> {
/// #         async fn receive(&mut self, _: &Cx, m: &Message) -> Result<(), Fault> {
/// #             Err(Fault::unsupported(m.type_name()))
/// #         }
/// #     }
/// #     pub fn order<A>(make: impl Fn() -> A + Send + Sync + 'static) -> impl Fn() -> OrderActor<A> + Send + Sync + 'static {
/// #         move || OrderActor(make())
/// #     }
/// #     pub use order as pricer;
/// # }
/// # struct EuPricer;
/// # impl EuPricer { fn open() -> Self { Self } }
/// # struct Order;
/// # impl Order { fn open() -> Self { Self } }
/// # #[derive(Clone, PartialEq, prost::Message)]
/// # struct Quote { #[prost(string, tag = "1")] currency: String }
/// # impl prost::Name for Quote { const NAME: &'static str = "Quote"; const PACKAGE: &'static str = "shop.v1"; }
/// # impl actorbridge::Versioned for Quote { const VERSION: u32 = 2; const MIN_READER: u32 = 1; }
/// fn register_casts() {
///     actorbridge::upcast::<Quote>(1, |quote| {
///         quote.currency = "USD".into(); // version 1 had no other
///         Ok(())
///     });
/// }
///
/// actorbridge::module! {
///     name: "shop-rust",
///     set_up: register_casts,
///     actors: {
///         "pricer/eu" => shop::pricer(EuPricer::open),
///         "order/*" => shop::order(Order::open),
///     },
/// }
///
/// # fn main() {
/// assert_eq!(module().name(), "shop-rust");
/// let node = actorbridge::Node::builder("shop").module(module()).start().expect("starts");
/// assert_eq!(node.actors(), 1, "only the pricer is there from the start");
/// # }
/// ```
#[macro_export]
macro_rules! module {
    (name: $name:expr, $(set_up: $set_up:expr,)? $(propagator: $propagator:expr,)? actors: { $($pattern:expr => $make:expr),* $(,)? } $(,)?) => {
        /// This crate's actors: what a node of it hosts.
        pub fn module() -> $crate::Module {
            $({
                let set_up: fn() = $set_up;
                set_up();
            })?
            $crate::Module::new($name)$(.propagator($propagator))?$(.actor($pattern, $make))*
        }
    };
}
