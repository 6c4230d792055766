//! What there is to compute with, and what that means.

use std::fmt;

use barlow_nn::{Precision, instruction_set};
use serde::Serialize;
use sysinfo::{CpuRefreshKind, MemoryRefreshKind, RefreshKind, System};

use crate::devices::DeviceChoice;

/// What `barlow doctor` says.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// Version of this program.
    pub version: &'static str,
    /// Engine and its version.
    pub engine: &'static str,
    /// Operating system and architecture, `linux x86_64`.
    pub system: String,
    /// Kinds of device, fastest first.
    pub devices: Vec<DeviceReport>,
    /// What `--device auto` takes.
    pub default_device: String,
    /// What `--precision auto` takes there.
    pub default_precision: &'static str,
    /// The processor.
    pub processor: ProcessorReport,
    /// Memory, if the system tells.
    pub memory: Option<MemoryReport>,
    /// What the user should know or can do, in whole sentences.
    pub advice: Vec<String>,
}

/// One kind of device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DeviceReport {
    /// As after `--device`.
    pub kind: &'static str,
    /// Whether this program can use it.
    pub built_in: bool,
}

/// The processor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ProcessorReport {
    /// As the maker calls it; empty if the system does not tell.
    pub model: String,
    /// Cores, if the system tells.
    pub physical_cores: Option<usize>,
    /// Threads that this process may run at once.
    pub threads: usize,
    /// Instruction sets for numbers that it has, of those that matter here.
    pub instruction_sets: Vec<&'static str>,
    /// The one that training uses.
    pub kernels: String,
}

/// Memory, in bytes; what a container allows, where it allows less than there is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MemoryReport {
    /// All of it.
    pub total_bytes: u64,
    /// What programs can still have.
    pub available_bytes: u64,
}

/// The engine, whose version the workspace pins.
const ENGINE: &str = "burn 0.22.1";
const GIB: u64 = 1 << 30;
/// Below this the default preset still runs and little else does.
const LITTLE_MEMORY_BYTES: u64 = 4 * GIB;

/// Looks at the machine.
pub fn examine() -> Report {
    let devices: Vec<DeviceReport> = DeviceChoice::kinds()
        .iter()
        .map(|&(kind, built_in)| DeviceReport { kind, built_in })
        .collect();
    let kinds = RefreshKind::nothing()
        .with_cpu(CpuRefreshKind::nothing())
        .with_memory(MemoryRefreshKind::nothing().with_ram());
    let system = System::new_with_specifics(kinds).ok();
    let processor = processor(system.as_ref());
    let memory = system.as_ref().and_then(memory);
    let advice = advice(&devices, &processor, memory.as_ref());
    Report {
        version: env!("CARGO_PKG_VERSION"),
        engine: ENGINE,
        system: format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
        devices,
        default_device: DeviceChoice::Auto.to_string(),
        default_precision: default_precision(),
        processor,
        memory,
        advice,
    }
}

fn processor(system: Option<&System>) -> ProcessorReport {
    let first = system.and_then(|system| system.cpus().first());
    ProcessorReport {
        model: first.map(|cpu| cpu.brand().trim().to_owned()).unwrap_or_default(),
        physical_cores: System::physical_core_count().ok(),
        threads: std::thread::available_parallelism().map_or(1, usize::from),
        instruction_sets: instruction_sets(),
        kernels: instruction_set(),
    }
}

#[cfg(target_arch = "x86_64")]
fn instruction_sets() -> Vec<&'static str> {
    let mut found = Vec::new();
    macro_rules! detect {
        ($($name:tt),*) => { $(if is_x86_feature_detected!($name) { found.push($name); })* };
    }
    detect!(
        "sse4.2",
        "avx",
        "avx2",
        "fma",
        "f16c",
        "avx512f",
        "avx512bw",
        "avx512vl",
        "avx512vnni",
        "avx512bf16",
        "avx512fp16"
    );
    found
}

#[cfg(target_arch = "aarch64")]
fn instruction_sets() -> Vec<&'static str> {
    let mut found = Vec::new();
    macro_rules! detect {
        ($($name:tt),*) => {
            $(if std::arch::is_aarch64_feature_detected!($name) { found.push($name); })*
        };
    }
    detect!("neon", "fp16", "dotprod", "bf16", "i8mm", "sve", "sve2");
    found
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
fn instruction_sets() -> Vec<&'static str> {
    Vec::new()
}

fn memory(system: &System) -> Option<MemoryReport> {
    let (total, available) = (system.total_memory(), system.available_memory());
    let (total_bytes, available_bytes) = match system.cgroup_limits() {
        Some(limits) if limits.total_memory > 0 => {
            (total.min(limits.total_memory), available.min(limits.free_memory))
        }
        _ => (total, available),
    };
    (total_bytes > 0).then_some(MemoryReport { total_bytes, available_bytes })
}

fn advice(
    devices: &[DeviceReport],
    processor: &ProcessorReport,
    memory: Option<&MemoryReport>,
) -> Vec<String> {
    let mut advice = Vec::new();
    if !devices.iter().any(|device| device.built_in && device.kind != "cpu") {
        advice.push(
            "This program computes on the processor only. For a graphics card build it with \
             `--features cuda`, `rocm`, `metal` or `vulkan`."
                .to_owned(),
        );
    }
    if cfg!(target_arch = "x86_64") {
        let has = |name| processor.instruction_sets.contains(&name);
        if !(has("avx2") && has("fma")) {
            advice.push("The processor has no AVX2: training will be several times slower.".into());
        } else if !has("avx512f") {
            advice.push("The processor has AVX2 and no AVX-512, which is usual and fine.".into());
        }
    }
    if processor.threads <= 4 {
        advice.push(format!(
            "With {} thread(s), begin with small images and the preset `quick`.",
            processor.threads
        ));
    }
    if let Some(memory) = memory
        && memory.available_bytes < LITTLE_MEMORY_BYTES
    {
        let available = gib(memory.available_bytes);
        advice.push(format!(
            "Only {available} of memory are available: take a smaller `--batch-size` or \
             `--image-size` if a run is killed."
        ));
    }
    advice
}

fn gib(bytes: u64) -> String {
    format!("{:.1} GiB", bytes as f64 / GIB as f64)
}

/// On a card that is built in but may be missing the question is left open: f32 is what it gets.
fn default_precision() -> &'static str {
    match DeviceChoice::Auto.resolve() {
        ("cpu", _) => Precision::auto(&DeviceChoice::Auto.open()).name(),
        _ => Precision::F32.name(),
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unknown_if_empty =
            |text: &str| if text.is_empty() { "unknown" } else { text }.to_owned();
        let Self { version, engine, system, processor, .. } = self;
        writeln!(f, "barlow      {version}, engine {engine}, {system}")?;
        writeln!(f, "processor   {}", unknown_if_empty(&processor.model))?;
        let cores = processor.physical_cores.map_or("unknown".to_owned(), |n| n.to_string());
        writeln!(
            f,
            "cores       {cores} physical; {} thread(s) for this program",
            processor.threads
        )?;
        let sets = unknown_if_empty(&processor.instruction_sets.join(" "));
        writeln!(f, "can do      {sets}")?;
        writeln!(f, "kernels     {}", processor.kernels)?;
        match &self.memory {
            Some(MemoryReport { total_bytes, available_bytes }) => {
                let (total, available) = (gib(*total_bytes), gib(*available_bytes));
                writeln!(f, "memory      {total}, {available} available")?;
            }
            None => writeln!(f, "memory      unknown")?,
        }
        for DeviceReport { kind, built_in } in &self.devices {
            let built_in = if *built_in { "built in" } else { "not in this build" };
            writeln!(f, "device      {kind:<7} {built_in}")?;
        }
        let (device, precision) = (&self.default_device, self.default_precision);
        write!(f, "default     --device {device} --precision {precision}")?;
        for advice in &self.advice {
            write!(f, "\nadvice      {advice}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_can_compute() {
        let report = examine();
        assert!(report.processor.threads >= 1);
        assert!(report.devices.contains(&DeviceReport { kind: "cpu", built_in: true }));
        let memory = report.memory.as_ref().expect("test machines tell their memory");
        assert!(memory.available_bytes <= memory.total_bytes, "{memory:?}");
        let json: serde_json::Value = serde_json::to_value(&report).unwrap();
        assert_eq!(json["processor"]["threads"], report.processor.threads);
        assert!(report.to_string().contains("device      cpu     built in"), "{report}");
    }

    #[test]
    fn little_memory_and_an_old_processor_are_worth_a_word() {
        let processor = ProcessorReport {
            model: String::new(),
            physical_cores: None,
            threads: 2,
            instruction_sets: vec!["sse4.2"],
            kernels: "portable".to_owned(),
        };
        let memory = MemoryReport { total_bytes: 4 * GIB, available_bytes: GIB };
        let advice = advice(&[], &processor, Some(&memory)).join("\n");
        for word in ["1.0 GiB", "2 thread(s)", "processor only"] {
            assert!(advice.contains(word), "{advice}");
        }
        assert_eq!(advice.contains("no AVX2"), cfg!(target_arch = "x86_64"));
    }
}
