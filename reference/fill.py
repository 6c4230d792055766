"""Deterministic contents for tensors, so that inputs and weights need not be stored.

Element i (row-major) of the tensor called NAME is

    h = finalise(fnv1a64(NAME) + i)          64-bit, wrapping
    u = (h >> 40) / 2^24                     exact in float32, in [0, 1)
    low + (high - low) * u                   float32, each operation rounded, no fused multiply-add

where `finalise` is one step of splitmix64 and `fnv1a64` hashes the UTF-8 bytes of the name.
`low` and `high` are rounded to float32 first. Tests in other languages repeat this function.
"""

import math

import numpy as np

FNV_OFFSET = 0xCBF29CE484222325
FNV_PRIME = 0x100000001B3
MASK = 0xFFFFFFFFFFFFFFFF


def fnv1a64(name: str) -> int:
    """The 64-bit FNV-1a hash of the UTF-8 bytes of `name`."""
    value = FNV_OFFSET
    for byte in name.encode():
        value = ((value ^ byte) * FNV_PRIME) & MASK
    return value


def finalise(value: np.ndarray) -> np.ndarray:
    """One splitmix64 step of every `uint64`: add the golden-ratio constant, then mix."""
    value = value + np.uint64(0x9E3779B97F4A7C15)
    value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return value ^ (value >> np.uint64(31))


def fill(name: str, shape: tuple[int, ...], low: float, high: float) -> np.ndarray:
    """The float32 array of `shape` that belongs to `name`, uniform in [low, high)."""
    index = np.arange(math.prod(shape), dtype=np.uint64)
    unit = (finalise(index + np.uint64(fnv1a64(name))) >> np.uint64(40)).astype(np.float32)
    unit *= np.float32(2.0**-24)
    low, high = np.float32(low), np.float32(high)
    return (low + (high - low) * unit).reshape(shape)
