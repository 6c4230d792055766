//! Which instructions this machine has, and one body compiled for several of them.

use std::fmt;
use std::sync::OnceLock;

/// An instruction set; each includes those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Isa {
    /// What the compiler makes of plain Rust for the target (SSE2 on x86-64, NEON on Arm).
    Portable,
    /// AVX2 with fused multiply-add.
    Avx2,
    /// AVX-512 F, BW, DQ and VL.
    Avx512,
    /// AVX-512 with products of bf16 pairs accumulated in f32 (`vdpbf16ps`), and of byte quadruples in
    /// i32 (`vpdpbusd`).
    Avx512Bf16,
    /// Matrix tiles of bf16 accumulated in f32 (`tdpbf16ps`), on Linux.
    Amx,
}

impl Isa {
    /// The largest set of this machine; asks the system once for leave to use matrix tiles.
    pub fn best() -> Self {
        static BEST: OnceLock<Isa> = OnceLock::new();
        *BEST.get_or_init(detect)
    }

    /// Every set of this machine, smallest first.
    pub fn available() -> impl Iterator<Item = Self> {
        [Self::Portable, Self::Avx2, Self::Avx512, Self::Avx512Bf16, Self::Amx]
            .into_iter()
            .filter(|isa| *isa <= Self::best())
    }

    /// Called before the instructions are.
    ///
    /// # Panics
    /// If this machine does not have them.
    #[inline]
    pub(crate) fn check(self) {
        assert!(self <= Self::best(), "this machine has no {self}");
    }

    /// Whether products of bf16 are faster than those of f32 with this set on this machine: matrix
    /// tiles always are, `vdpbf16ps` on AMD's cores (twice the rate of f32), not on Intel's (half).
    pub fn prefers_bf16(self) -> bool {
        self == Self::Amx || self == Self::Avx512Bf16 && is_amd()
    }
}

impl fmt::Display for Isa {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Portable => "portable",
            Self::Avx2 => "avx2",
            Self::Avx512 => "avx512",
            Self::Avx512Bf16 => "avx512-bf16",
            Self::Amx => "amx-bf16",
        })
    }
}

#[cfg(not(target_arch = "x86_64"))]
fn detect() -> Isa {
    Isa::Portable
}

#[cfg(target_arch = "x86_64")]
fn detect() -> Isa {
    if !(is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma")) {
        return Isa::Portable;
    }
    if !(is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512dq")
        && is_x86_feature_detected!("avx512vl"))
    {
        return Isa::Avx2;
    }
    if !(is_x86_feature_detected!("avx512bf16") && is_x86_feature_detected!("avx512vnni")) {
        return Isa::Avx512;
    }
    if has_tiles() { Isa::Amx } else { Isa::Avx512Bf16 }
}

/// Whether the processor has bf16 tiles and the system lets this process use them.
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
fn has_tiles() -> bool {
    use std::arch::asm;
    use std::arch::x86_64::__cpuid_count;

    const AMX_BF16: u32 = 1 << 22;
    const AMX_TILE: u32 = 1 << 24;
    const ARCH_PRCTL: i64 = 158;
    const ARCH_REQ_XCOMP_PERM: i64 = 0x1023;
    const XFEATURE_XTILEDATA: i64 = 18;

    if __cpuid_count(0, 0).eax < 7
        || __cpuid_count(7, 0).edx & (AMX_BF16 | AMX_TILE) != AMX_BF16 | AMX_TILE
    {
        return false;
    }
    let answer: i64;
    // SAFETY: the system call takes two integers and touches no memory of ours; it fails with an
    // error number on kernels that do not know it.
    unsafe {
        asm!(
            "syscall",
            inlateout("rax") ARCH_PRCTL => answer,
            in("rdi") ARCH_REQ_XCOMP_PERM,
            in("rsi") XFEATURE_XTILEDATA,
            out("rcx") _,
            out("r11") _,
        );
    }
    answer == 0
}

#[cfg(all(target_arch = "x86_64", not(target_os = "linux")))]
fn has_tiles() -> bool {
    false
}

#[cfg(target_arch = "x86_64")]
fn is_amd() -> bool {
    let vendor = std::arch::x86_64::__cpuid(0);
    [vendor.ebx, vendor.edx, vendor.ecx].map(u32::to_le_bytes).concat() == b"AuthenticAMD"
}

#[cfg(not(target_arch = "x86_64"))]
fn is_amd() -> bool {
    false
}

/// Defines a function whose one body is compiled for each vector width; the first argument of the
/// function becomes `isa: Isa`, which picks.
///
/// The body must be plain Rust that vectorises. No `mul_add`: without FMA it is a call, and with it
/// the instruction sets would round differently.
macro_rules! per_isa {
    (
        $(#[$attribute:meta])*
        $vis:vis fn $name:ident $(<$($generic:ident : $bound:path),+>)? (
            $($argument:ident : $type:ty),* $(,)?
        ) $(-> $result:ty)? $body:block
    ) => {
        $(#[$attribute])*
        $vis fn $name $(<$($generic: $bound),+>)? (
            isa: $crate::Isa, $($argument: $type),*
        ) $(-> $result)? {
            #[inline(always)]
            fn per_isa_body $(<$($generic: $bound),+>)? ($($argument: $type),*) $(-> $result)? $body

            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2,fma")]
            fn avx2 $(<$($generic: $bound),+>)? ($($argument: $type),*) $(-> $result)? {
                per_isa_body $(::<$($generic),+>)? ($($argument),*)
            }

            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,fma")]
            fn avx512 $(<$($generic: $bound),+>)? ($($argument: $type),*) $(-> $result)? {
                per_isa_body $(::<$($generic),+>)? ($($argument),*)
            }

            isa.check();
            match isa {
                // SAFETY: this machine has the instructions, as just checked.
                #[cfg(target_arch = "x86_64")]
                $crate::Isa::Avx2 => unsafe { avx2 $(::<$($generic),+>)? ($($argument),*) },
                #[cfg(target_arch = "x86_64")]
                $crate::Isa::Avx512 | $crate::Isa::Avx512Bf16 | $crate::Isa::Amx => {
                    // SAFETY: as above.
                    unsafe { avx512 $(::<$($generic),+>)? ($($argument),*) }
                }
                _ => per_isa_body $(::<$($generic),+>)? ($($argument),*),
            }
        }
    };
}
pub(crate) use per_isa;
