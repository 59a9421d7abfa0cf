//! What lockdown costs: once, when it is put up, and then with each system call.
//!
//! ```sh
//! cargo bench --bench lockdown                # 200 processes
//! cargo bench --bench lockdown -- 1000
//! ```
//!
//! A process can be locked once, so each measurement is a process of its own, with three threads beside its first as `bootstrap` has
//! with one plugin that has a runtime. Calls are counted in the same process before and after: one whose answer the kernel keeps for
//! all arguments, and one whose arguments the filter reads.

use std::process::{Command, ExitCode};
use std::time::Instant;

use lambda_loader::lockdown;
use lambda_loader::policy::Lockdown;

const CALLS: u32 = 20_000;
const CHILD: &str = "--child";

fn main() -> ExitCode {
    let mut processes = 200;
    for argument in std::env::args().skip(1) {
        match argument.as_str() {
            // Given by cargo.
            "--bench" => {}
            CHILD => return child(),
            number => match number.parse() {
                Ok(number @ 1..) => processes = number,
                _ => {
                    eprintln!("usage: cargo bench --bench lockdown -- [PROCESSES]");
                    return ExitCode::from(2);
                }
            },
        }
    }
    let mut measured = [const { Vec::new() }; 5];
    for number in 1..=processes {
        if number % 50 == 0 {
            eprintln!("measuring: process {number} of {processes}");
        }
        let done = Command::new(std::env::current_exe().expect("this program")).arg(CHILD).output().expect("it starts");
        let text = String::from_utf8_lossy(&done.stdout);
        if !done.status.success() {
            eprintln!("{}{text}", String::from_utf8_lossy(&done.stderr));
            return ExitCode::FAILURE;
        }
        for (values, value) in measured.iter_mut().zip(text.split_whitespace()) {
            values.push(value.parse::<f64>().expect("a number"));
        }
    }
    println!("{:<46}{:>12}{:>12}", "", "median", "p95");
    let names = [
        ("putting it up", 1e3, "us"),
        ("getppid, before", 1.0, "ns"),
        ("getppid, after", 1.0, "ns"),
        ("mprotect of no memory, before", 1.0, "ns"),
        ("mprotect of no memory, after", 1.0, "ns"),
    ];
    for ((name, unit, sign), mut values) in names.into_iter().zip(measured) {
        values.sort_by(f64::total_cmp);
        let at =
            |percent: usize| values.get((values.len() * percent / 100).min(values.len() - 1)).copied().unwrap_or_default() / unit;
        println!("{name:<46}{:>9.1} {sign}{:>9.1} {sign}", at(50), at(95));
    }
    ExitCode::SUCCESS
}

/// Prints the nanoseconds of each line of the table.
fn child() -> ExitCode {
    for _ in 0..3 {
        std::thread::spawn(std::thread::park);
    }
    let before = [nanos(parent), nanos(protect)];
    let begun = Instant::now();
    let outcome = lockdown::lock(Lockdown::Auto, None);
    let took = begun.elapsed().as_nanos();
    if outcome.as_ref().map(lockdown::Outcome::name) != Ok("on") {
        eprintln!("lockdown is not to be had here: {outcome:?}");
        return ExitCode::FAILURE;
    }
    println!("{took} {} {} {} {}", before[0], nanos(parent), before[1], nanos(protect));
    ExitCode::SUCCESS
}

fn nanos(call: fn()) -> f64 {
    let begun = Instant::now();
    for _ in 0..CALLS {
        call();
    }
    begun.elapsed().as_secs_f64() * 1e9 / f64::from(CALLS)
}

fn parent() {
    std::hint::black_box(rustix::process::getppid());
}

#[expect(unsafe_code, reason = "the call takes an address")]
fn protect() {
    // SAFETY: no page is in the range.
    let done = unsafe { libc::mprotect(std::ptr::null_mut(), 0, libc::PROT_READ) };
    assert_eq!(done, 0);
}
