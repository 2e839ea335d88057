//! The gateway beside a bare reverse proxy, which `cargo xtask bench` runs: the contest, and its roles, a proxy to compare with,
//! a fake provider and tenant, and a load generator. Each is a process of its own, so that the processor time of each can be
//! told apart.
#![expect(
    clippy::panic,
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark: it stops where it fails"
)]

#[path = "proxy/bodies.rs"]
mod bodies;
#[path = "proxy/compete.rs"]
mod compete;
#[path = "proxy/contest.rs"]
mod contest;
#[path = "proxy/hold.rs"]
mod hold;
#[path = "proxy/hostile.rs"]
mod hostile;
#[path = "proxy/instructions.rs"]
mod instructions;
#[path = "proxy/load.rs"]
mod load;
#[path = "proxy/record.rs"]
mod record;
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
        ["compete", gateway, rounds, users, requests] => {
            let (rounds, requests) = (rounds.parse().unwrap(), requests.parse().unwrap());
            let options = compete::Options { rounds, users: users.parse().unwrap(), requests };
            runtime.block_on(compete::run(gateway, &options));
        }
        ["record", gateway] => runtime.block_on(record::run(gateway)),
        ["hold", settings] => runtime.block_on(hold::run(settings)),
        ["instructions", gateway] => runtime.block_on(instructions::run(gateway)),
        ["hostile", gateway, rounds] => runtime.block_on(hostile::run(gateway, rounds.parse().unwrap())),
        // Without a role `cargo bench` only proves that it compiles.
        _ => println!("run `cargo xtask bench`"),
    }
}
