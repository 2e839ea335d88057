use super::*;

fn host() -> Arc<Host> {
    Hosts::default().get(&Uri::from_static("https://api.github.com/user"))
}

fn taken(host: &Arc<Host>) -> Vec<Stream> {
    std::iter::from_fn(|| host.free()).collect()
}

#[test]
fn a_connection_carries_what_its_peer_allows_and_the_next_one_the_rest() {
    let host = host();
    assert_eq!(taken(&host).len(), CONNECTIONS * UNKNOWN);
    let first = host.made(0);
    host.allow(first, 3);
    host.allow(host.made(1), 2);
    let places: Vec<usize> = taken(&host).iter().map(Stream::connection).collect();
    assert_eq!(places, [0, 0, 0, 1, 1, 2, 3, 4, 5, 6, 7]);
    host.allow(first, usize::MAX);
    assert!((0..1000).all(|_| host.free().is_some_and(|stream| stream.connection() == 0)));
}

#[tokio::test(start_paused = true)]
async fn a_waiting_call_gets_the_stream_that_another_one_frees() {
    let host = host();
    let mut taken = taken(&host);
    let waiting: Vec<_> = (0..2).map(|_| tokio::spawn(Arc::clone(&host).stream())).collect();
    tokio::task::yield_now().await;
    assert!(waiting.iter().all(|task| !task.is_finished()));
    taken.pop();
    taken.pop();
    for task in waiting {
        taken.push(task.await.unwrap());
    }
    let waiting = tokio::spawn(Arc::clone(&host).stream());
    tokio::task::yield_now().await;
    host.allow(host.made(5), UNKNOWN + 1);
    assert_eq!(waiting.await.unwrap().connection(), 5);
}

#[test]
fn a_connection_that_has_ended_may_be_tried_again_with_one_call() {
    let host = host();
    let made: Vec<Made> = (0..CONNECTIONS).map(|connection| host.made(connection)).collect();
    made.iter().for_each(|made| host.allow(*made, 0));
    assert!(host.free().is_none());
    host.ended(made[2]);
    assert_eq!(host.free().map(|stream| stream.connection()), Some(2));
    host.allow(made[2], 100);
    host.ended(made[2]);
    assert_eq!(taken(&host).len(), UNKNOWN, "the next one may allow less");
}

#[test]
fn what_an_earlier_connection_says_is_not_taken_for_the_next_one() {
    let host = host();
    let earlier = host.made(0);
    host.allow(earlier, 100);
    let held = taken(&host);
    let next = host.made(0);
    host.allow(next, 103);
    host.allow(earlier, 200);
    host.ended(earlier);
    assert_eq!(taken(&host).iter().filter(|stream| stream.connection() == 0).count(), 3);
    drop(held);
}

#[test]
fn tm_a23_callers_choose_few_hosts_that_are_connected_at_a_time() {
    let hosts = Hosts::default();
    let address = |number: usize| Uri::try_from(format!("https://h{number}.example/")).unwrap();
    let users: Vec<String> = (0..5).map(|number| format!("auth0|{number}")).collect();
    let choose = |number: usize, user: usize| {
        hosts.admit(&address(number), Some(("https://acme.test/", &*users[user])))
    };
    let mut connected: Vec<_> =
        (0..HOSTS).filter_map(|number| choose(number, number / HOSTS_OF_ONE)).collect();
    assert_eq!(connected.len(), HOSTS);
    assert!(choose(HOSTS, 4).is_none(), "all are taken");
    assert!(choose(3, 4).is_some(), "one that is connected");
    assert!(hosts.admit(&address(HOSTS), None).is_some(), "one that the settings name");
    connected.truncate(HOSTS_OF_ONE);
    assert!(choose(HOSTS + 1, 0).is_none(), "the share of one user");
    assert!(choose(HOSTS + 1, 1).is_some());
    connected.clear();
    assert!(choose(HOSTS + 2, 0).is_some(), "what is not connected does not count");
}

#[test]
fn hosts_that_nothing_is_connected_to_are_forgotten() {
    let hosts = Hosts::default();
    let address = |number: usize| Uri::try_from(format!("https://h{number}.example/")).unwrap();
    let kept = hosts.get(&address(0));
    for number in 1..1000 {
        hosts.get(&address(number));
    }
    assert!(hosts.of_scheme(&address(0)).len() <= HOSTS);
    assert!(Arc::ptr_eq(&kept, &hosts.get(&address(0))));
}
