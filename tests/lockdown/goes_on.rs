//! What must go on working under lockdown. Each does for the first time after it what libraries put off until they need it.

use std::collections::HashSet;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream, ToSocketAddrs as _};
use std::time::Duration;

use crate::attacks::Lock;

/// Its name, and what is done; it panics where it does not work.
type Work = (&'static str, fn(Lock<'_>));

/// All of them.
pub(crate) const WORKS: &[Work] = &[
    ("threads, with stacks of any size", |lock| {
        lock();
        for size in [64 << 10, 8 << 20, 256 << 20] {
            let thread = std::thread::Builder::new().name("a name".into()).stack_size(size);
            assert_eq!(thread.spawn(|| 42).unwrap().join().unwrap(), 42);
        }
    }),
    ("memory that grows", |lock| {
        let mut bytes = vec![1_u8; 1 << 20];
        lock();
        for _ in 0..6 {
            bytes.extend_from_within(..);
        }
        assert_eq!(bytes.len(), 64 << 20);
    }),
    ("files and folders", |lock| {
        lock();
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        std::fs::write(&file, "text").unwrap();
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "text");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }),
    ("sockets", |lock| {
        lock();
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        listener.accept().unwrap().0.write_all(b"text").unwrap();
        let mut text = [0; 4];
        client.read_exact(&mut text).unwrap();
        assert_eq!(&text, b"text");
    }),
    ("names of hosts", |lock| {
        lock();
        let found: HashSet<_> = ("localhost", 80).to_socket_addrs().unwrap().map(|address| address.ip().is_loopback()).collect();
        assert_eq!(found, HashSet::from([true]));
        // One that the files do not have goes to the servers, or is not there; nothing crashes.
        assert!(("no-such-host.invalid", 80).to_socket_addrs().is_err());
    }),
    ("a runtime with workers, timers and blocking tasks", |lock| {
        lock();
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let answer = runtime.block_on(async {
            tokio::time::sleep(Duration::from_millis(1)).await;
            let spawned = tokio::spawn(async { tokio::task::spawn_blocking(|| 42).await.unwrap() });
            spawned.await.unwrap()
        });
        assert_eq!(answer, 42);
    }),
    ("backtraces with names", |lock| {
        #[inline(never)]
        fn a_function_with_a_name() -> String {
            std::hint::black_box(std::backtrace::Backtrace::force_capture().to_string())
        }
        lock();
        let trace = a_function_with_a_name();
        assert!(trace.contains("a_function_with_a_name"), "{trace}");
        assert!(trace.contains("goes_on.rs"), "{trace}");
    }),
    ("panics that are caught", |lock| {
        lock();
        assert!(std::panic::catch_unwind(|| panic!("on purpose")).is_err());
    }),
    ("what the process knows of itself", |lock| {
        lock();
        assert!(std::env::current_exe().unwrap().is_absolute());
        assert!(std::fs::read_to_string("/proc/self/maps").unwrap().contains("libc.so"));
        assert!(std::thread::available_parallelism().unwrap().get() > 0);
    }),
    ("a child process without another program", |lock| {
        lock();
        crate::raw::in_child(|| std::fs::read("/proc/self/status").map(drop)).unwrap();
    }),
];
