//! Medians, and the table.

use crate::Against;
use crate::loading::Times;
use crate::parts::PARTS;

pub(crate) fn quartiles(values: &mut [f64]) -> [f64; 3] {
    values.sort_by(f64::total_cmp);
    [1, 2, 3].map(|quarter| values[(values.len() * quarter / 4).min(values.len() - 1)])
}

pub(crate) fn median(values: &mut [f64]) -> f64 {
    quartiles(values)[1]
}

pub(crate) fn print(results: &[(usize, usize, Against, [f64; PARTS.len()], Times)], at_most: f64) {
    println!("\nmicroseconds for each plugin (medians)\n");
    let heads = results.iter().map(|(count, ..)| format!("{count:>18}")).collect::<String>();
    println!("{:<30}{heads}", "plugins");
    let row = |name: &str, value: &dyn Fn(usize) -> String| {
        println!("{name:<30}{}", (0..results.len()).map(|at| format!("{:>18}", value(at))).collect::<String>());
    };
    #[expect(clippy::cast_precision_loss, reason = "numbers of plugins are small")]
    let each = |at: usize, seconds: f64| format!("{:.1}", seconds * 1e6 / results[at].0 as f64);
    for (part, name) in PARTS.iter().enumerate() {
        row(name, &|at| each(at, results[at].3[part]));
    }
    row("verification, all of it", &|at| each(at, results[at].2.verification));
    row("SHA-256 of the same bytes", &|at| each(at, results[at].2.hashing));
    row("ratio", &|at| format!("{:.2}", results[at].2.ratio[1]));
    row("  its quartiles", &|at| format!("{:.2} to {:.2}", results[at].2.ratio[0], results[at].2.ratio[2]));
    row("  at most", &|_| format!("{at_most:.2}"));
    row("dlopen", &|at| each(at, results[at].4.dlopen));
    row("layout and handshake", &|at| each(at, results[at].4.handshake));
    row("  layout checks, all plugins", &|at| results[at].4.checks.to_string());
    row("start", &|at| each(at, results[at].4.start));
    row("rounds", &|at| results[at].1.to_string());
}
