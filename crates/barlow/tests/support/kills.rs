//! Kills a run at random moments of its progress and restarts it until it is done.

use std::process::Child;
use std::time::{Duration, Instant};

use super::{Playground, TINY_STEPS, recorded_steps, tiny};

/// Every kill of so many comes in the first moments of a process, where it starts up or restores.
const EARLY: u64 = 5;

/// What became of a run that was killed.
#[derive(Debug, Default)]
pub(crate) struct Kills {
    /// How often it was killed.
    pub(crate) kills: usize,
    /// How often steps were recorded that no checkpoint had yet.
    pub(crate) lost_steps: usize,
}

/// Random numbers by `SplitMix64` (Steele et al., 2014).
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % end
    }
}

/// Starts a tiny run with more options, kills it `times` times, and lets it finish; it is restarted
/// with `--resume`. The kills are spread over the steps of the run, each a random time after a
/// random step.
#[expect(clippy::print_stdout, reason = "the seed is what repeats a failure")]
pub(crate) fn run_with_kills(
    playground: &Playground,
    more: &[&str],
    times: u64,
    seed: u64,
) -> Kills {
    let mut random = Random(seed);
    let run = playground.path("run");
    let begin = Instant::now();
    let mut tally = Kills::default();
    let resume: Vec<&str> = more.iter().copied().chain(["--resume"]).collect();
    // The last tenth is left to the last process, so that none ends before it is killed.
    let span = TINY_STEPS * 9 / 10;
    for kill in 0..times {
        let mut child = playground.start(&tiny(if kill == 0 { more } else { &resume }));
        if kill % EARLY == 0 {
            std::thread::sleep(Duration::from_millis(random.below(150)));
        } else {
            let drawn = kill * span / times + random.below(span / times);
            // What was recorded before the last kill is cut back or passed anew.
            let next = drawn.max(recorded_steps(&run) + 1);
            wait_for_step(playground, &mut child, next);
            std::thread::sleep(Duration::from_micros(random.below(60_000)));
        }
        if child.try_wait().unwrap().is_some() {
            break;
        }
        child.kill().unwrap();
        child.wait().unwrap();
        tally.kills += 1;
        let saved = playground.checkpoints().last().copied().unwrap_or(0);
        tally.lost_steps += usize::from(recorded_steps(&run) > saved);
    }
    playground.run(&tiny(&resume)).assert(0, &["finished after 72 steps"]);
    let Kills { kills, lost_steps } = tally;
    println!(
        "{more:?}, seed {seed}: {kills} kills, {lost_steps} of them lost steps, {:.0} s",
        begin.elapsed().as_secs_f64()
    );
    tally
}

fn wait_for_step(playground: &Playground, child: &mut Child, steps: u64) {
    while recorded_steps(&playground.path("run")) < steps {
        if child.try_wait().unwrap().is_some() {
            return;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}
