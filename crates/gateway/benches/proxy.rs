//! Roles of the benchmark that `cargo xtask bench` plays: a bare reverse proxy to compare with, a fake provider and tenant,
//! and a load generator. Each is a process of its own, so that the processor time of each can be told apart.
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark: it stops where it fails")]

#[path = "proxy/load.rs"]
mod load;
#[path = "proxy/swap.rs"]
mod swap;
#[path = "proxy/world.rs"]
mod world;

fn main() {
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| arg != "--bench").collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let workers = if args.first() == Some(&"load") { 1 } else { 2 };
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(workers).enable_all().build().unwrap();
    match args.as_slice() {
        ["world", users] => runtime.block_on(world::run(users.parse().unwrap())),
        ["swap", upstream] => runtime.block_on(swap::run(upstream)),
        ["load", settings] => println!("{}", runtime.block_on(load::run(settings))),
        // Without a role `cargo bench` only proves that it compiles.
        _ => println!("run `cargo xtask bench`"),
    }
}
