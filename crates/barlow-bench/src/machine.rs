//! What numbers were measured on.

use std::fmt;
use std::fs;

use barlow_kernels::Isa;
use serde::Serialize;

/// The machine, as far as it decides how fast things are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Machine {
    /// The processor's name.
    pub processor: String,
    /// Threads that were used.
    pub threads: usize,
    /// The largest instruction set.
    pub isa: String,
}

impl Machine {
    /// This one, with so many threads.
    pub(crate) fn here(threads: usize) -> Self {
        let named = fs::read_to_string("/proc/cpuinfo").ok().and_then(|text| {
            let line = text.lines().find(|line| line.starts_with("model name"))?;
            Some(line.split_once(':')?.1.trim().to_owned())
        });
        let processor = named.unwrap_or_else(|| std::env::consts::ARCH.to_owned());
        Self { processor, threads, isa: Isa::best().to_string() }
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { processor, threads, isa } = self;
        write!(f, "{processor}, {isa}, threads: {threads}")
    }
}

/// Lets the peak begin anew at what is resident now, where the system can (Linux, `proc(5)`).
pub(crate) fn forget_peak() {
    // Elsewhere the peak stays that of the whole process, which is no less.
    let _ = fs::write("/proc/self/clear_refs", "5");
}

/// Most memory that was ever resident in this process, bytes; none where the system does not say.
pub(crate) fn peak_resident_bytes() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_os = "linux")]
    fn peak_memory_grows_by_what_is_written() {
        let before = peak_resident_bytes().unwrap();
        let memory = std::hint::black_box(vec![1_u8; 256 << 20]);
        let growth = peak_resident_bytes().unwrap() - before;
        assert!(growth > 200 << 20, "{growth}, {}", memory.len());
    }
}
