"""Counter-based random numbers: every one is a pure function of (seed, step, number, stream, index).

There is no generator to store: a resumed run, a member of a stack and the same run alone draw bit-equal numbers.
The words are mixed one after the other into a 64-bit key (two hash chains of 32 bits), which then scrambles the index:

    key = mix(... mix(mix(c ^ seed) ^ step) ^ number),   x_i = mix(mix(i ^ key_0) ^ key_1),   u_i = (x_i >> 8) / 2^24
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from qlab.messages import unknown

STREAMS = ("weights", "init", "order", "crop", "flip", "noise", "data")
"""What a number is for; different streams are independent."""

_LOW = 0xFFFFFFFF
Integer = int | Tensor


def _signed(word: int) -> int:
    """The low 32 bits of a Python integer as a signed 32-bit value."""
    return ((word & _LOW) ^ 0x80000000) - 0x80000000


_M0, _M1 = _signed(0x7FEB352D), _signed(0x846CA68B)


def _mix(x: Tensor) -> Tensor:
    """A bijection of int32 whose output bits depend on all input bits (xor-shift-multiply; products wrap). In place."""
    x.bitwise_xor_((x >> 16).bitwise_and_(0xFFFF)).mul_(_M0)
    x.bitwise_xor_((x >> 15).bitwise_and_(0x1FFFF)).mul_(_M1)
    return x.bitwise_xor_((x >> 16).bitwise_and_(0xFFFF))


def _word(value: Integer, device: torch.device | str | None) -> Tensor:
    if isinstance(value, Tensor):
        return value.to(device=device, dtype=torch.int64)
    return torch.full((), value, dtype=torch.int64, device=device)  # filled there: no copy that the device waits for


def keys(seed: Integer, step: Integer, number: Integer, *, stream: str = "weights", device=None) -> Tensor:
    """The 64-bit keys of (seed, step, number), which broadcast against each other: int32, shape (..., 2)."""
    if stream not in STREAMS:
        raise ValueError(unknown("stream", stream, STREAMS))
    seed, step, number = (_word(v, device).unsqueeze(-1) for v in (seed, step, number))
    salt = 0x632BE5AB * (1 + STREAMS.index(stream))
    first, second = _signed(salt), _signed(0x9E3779B9 ^ (salt * 0x85157AF5))
    k = torch.arange(2, dtype=torch.int32, device=seed.device) * _signed(second - first) + first
    for word in (seed, seed >> 32, step, number):
        k = _mix(k ^ word.to(torch.int32))
    return k


def bits(key: Tensor, n: int) -> Tensor:
    """n int32 words for each key: shape (..., 2) -> (..., n)."""
    index = torch.arange(n, dtype=torch.int32, device=key.device)
    return _mix(_mix(index ^ key[..., :1]).bitwise_xor_(key[..., 1:]))


def from_bits(x: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
    """The upper 24 bits of each word as a uniform number in [0, 1), a multiple of 2^-24, in float32 or float64."""
    return (x >> 8).bitwise_and_(0xFFFFFF).to(dtype).mul_(2.0**-24)


def _shaped(seed: Integer, step: Integer, number: Integer, shape: tuple[int, ...], stream, device, dtype) -> Tensor:
    if dtype not in (torch.float32, torch.float64):  # 24 bits: in bfloat16 1 - 2^-24 is 1, in float16 2^24 is infinite
        raise ValueError(f"dtype={dtype}; allowed: torch.float32, torch.float64")
    key = keys(seed, step, number, stream=stream, device=device)
    return bits(key, math.prod(shape)).reshape(*key.shape[:-1], *shape)


def uniform(
    seed: Integer,
    step: Integer,
    number: Integer,
    shape: Sequence[int],
    *,
    stream: str = "weights",
    device: torch.device | str | None = None,
    dtype: torch.dtype = torch.float32,
) -> Tensor:
    """Uniform numbers in [0, 1), multiples of 2^-24; ValueError for an unknown stream and dtypes of fewer digits.

    `seed`, `step`, `number` (of a parameter, say): integers or integer tensors, which broadcast; the result has their
    shape followed by `shape`. So a seed of shape (runs,) gives (runs, *shape), and run i is bit-equal to seed[i] alone.
    """
    return from_bits(_shaped(seed, step, number, tuple(shape), stream, device, dtype), dtype)


def normal(
    seed: Integer,
    step: Integer,
    number: Integer,
    shape: Sequence[int],
    *,
    stream: str = "noise",
    device: torch.device | str | None = None,
    dtype: torch.dtype = torch.float32,
) -> Tensor:
    """Standard normal numbers sqrt(2) erfinv(2u - 1), u at the middle of its cell of width 2^-24 (so |z| < 5.5)."""
    x = _shaped(seed, step, number, tuple(shape), stream, device, dtype)
    centred = (((x >> 8) & 0xFFFFFF) * 2 + (1 - 2**24)).to(dtype).mul_(2.0**-24)  # exact: odd integers below 2^24
    return torch.erfinv(centred).mul_(math.sqrt(2))


def permutation(
    seed: Integer, step: Integer, n: int, *, number: Integer = 0, stream: str = "order", device=None
) -> Tensor:
    """A random order of 0 ... n-1 (int64): the stable sort of n random words."""
    return bits(keys(seed, step, number, stream=stream, device=device), n).argsort(dim=-1, stable=True)
