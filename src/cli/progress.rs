//! Progress on the screen and stopping by Ctrl-C.

use std::io::IsTerminal;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use train::{EpochRecord, Observer, StepReport};

/// Counts interrupts; the second one ends the process at once.
#[derive(Clone, Debug, Default)]
pub struct StopFlag(Arc<AtomicUsize>);

impl StopFlag {
    /// Listens for Ctrl-C and SIGTERM.
    pub fn listen() -> Self {
        let flag = Self::default();
        let count = flag.0.clone();
        // Without a handler, Ctrl-C ends the process the ordinary way.
        let _ = ctrlc::set_handler(move || {
            if count.fetch_add(1, Ordering::SeqCst) > 0 {
                std::process::exit(130);
            }
            eprintln!("stopping after this step of training (again: stop at once)");
        });
        flag
    }

    fn is_set(&self) -> bool {
        self.0.load(Ordering::SeqCst) > 0
    }
}

/// A bar on a terminal, plain lines otherwise.
pub struct Progress {
    stop: StopFlag,
    bar: Option<ProgressBar>,
    quiet: bool,
    started: Instant,
    last_line: Instant,
    rate: f64,
    left: String,
    stop_after_steps: Option<usize>,
    steps: usize,
    /// Steps and cells of the training that runs now.
    timed: usize,
    cells_seen: usize,
}

impl Progress {
    /// Progress on stderr. `stop_after_steps` interrupts a run by itself, for tests and schedulers.
    pub fn new(stop: StopFlag, quiet: bool, stop_after_steps: Option<usize>) -> Self {
        let bar = (!quiet && std::io::stderr().is_terminal()).then(|| {
            let style = ProgressStyle::with_template("{bar:24} {pos}/{len} {msg}")
                .unwrap_or_else(|_| ProgressStyle::default_bar());
            ProgressBar::new(0).with_style(style)
        });
        let now = Instant::now();
        Self {
            stop,
            bar,
            quiet,
            started: now,
            last_line: now,
            rate: 0.0,
            left: String::new(),
            stop_after_steps,
            steps: 0,
            timed: 0,
            cells_seen: 0,
        }
    }

    /// Says what is being done.
    pub fn say(&self, line: &str) {
        match &self.bar {
            Some(bar) => bar.println(line),
            None if !self.quiet => eprintln!("{line}"),
            None => {}
        }
    }

    /// Cells per second of training, of the last model and stage.
    pub fn cells_per_second(&self) -> f64 {
        self.rate
    }

    /// Removes the bar.
    pub fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

impl Observer for Progress {
    fn on_step(&mut self, r: &StepReport) {
        // A run may train several models, each of which counts its cells from the start.
        if self.timed == 0 || r.cells_seen < self.cells_seen {
            self.started = Instant::now();
            self.timed = 0;
        }
        self.cells_seen = r.cells_seen;
        self.steps += 1;
        self.timed += 1;
        let elapsed = self.started.elapsed().as_secs_f64();
        // The first step warms caches up and is not timed.
        if self.timed > 1 && elapsed > 0.0 {
            let first = r.cells_seen as f64 / self.timed as f64;
            self.rate = (r.cells_seen as f64 - first) / elapsed;
        }
        let losses: Vec<String> = r
            .losses
            .iter()
            .map(|(name, value)| format!("{name} {value:.4}"))
            .collect();
        let mut message = format!("epoch {}/{}  {}", r.epoch + 1, r.epochs, losses.join("  "));
        if self.timed > 1 {
            let steps_left = (r.epochs - r.epoch) * r.steps - r.step;
            let left = steps_left as f64 * elapsed / (self.timed - 1) as f64;
            self.left = format!("at most {} left", human(left));
            message += &format!("  {:.0} cells/s  {}", self.rate, self.left);
        }
        match &self.bar {
            Some(bar) => {
                bar.set_length(r.steps as u64);
                bar.set_position(r.step as u64);
                bar.set_message(message);
            }
            None if !self.quiet && self.last_line.elapsed() > Duration::from_secs(20) => {
                self.last_line = Instant::now();
                eprintln!("step {}/{}  {message}", r.step, r.steps);
            }
            None => {}
        }
    }

    fn on_epoch(&mut self, r: &EpochRecord, is_best: bool) {
        let terms: Vec<String> = r
            .validation
            .iter()
            .map(|(name, value)| {
                let training = r.training.get(name).copied().unwrap_or(f64::NAN);
                format!("{name} {training:.4} (validation {value:.4})")
            })
            .collect();
        self.say(&format!(
            "epoch {:3}  {}  {:.0} cells/s  {}{}",
            r.epoch + 1,
            terms.join("  "),
            self.rate,
            self.left,
            if is_best { "  best" } else { "" }
        ));
        self.last_line = Instant::now();
    }

    fn on_notice(&mut self, notice: &str) {
        self.say(&format!("notice: {notice}"));
    }

    fn should_stop(&mut self) -> bool {
        self.stop.is_set() || self.stop_after_steps.is_some_and(|n| self.steps >= n)
    }
}

/// Seconds as people say them.
pub fn human(seconds: f64) -> String {
    let s = seconds.max(0.0).round() as u64;
    match s {
        0..=99 => format!("{s} s"),
        100..=5999 => format!("{} min", s.div_ceil(60)),
        _ => format!("{} h {} min", s / 3600, s % 3600 / 60),
    }
}
