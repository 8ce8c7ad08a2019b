//! The form in which a program says which actors it has.

/// Defines `pub fn module()`: this crate's actors, by path or pattern.
///
/// An actor with a fixed path is there from the start; one of a pattern such as `order/*` is made by an incoming spawn or
/// move. What makes an actor is any function that can be called again after a panic, such as the one that
/// `actorbridge gen` writes for a service. A crate whose actors are linked into a Go or C program uses
/// `actorbridge_ffi::module!` instead, in the same form.
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
/// actorbridge::module! {
///     name: "shop-rust",
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
    (name: $name:expr, actors: { $($pattern:expr => $make:expr),* $(,)? } $(,)?) => {
        /// This crate's actors: what a node of it hosts.
        pub fn module() -> $crate::Module {
            $crate::Module::new($name)$(.actor($pattern, $make))*
        }
    };
}
