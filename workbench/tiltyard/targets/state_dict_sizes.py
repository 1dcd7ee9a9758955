"""Padding, stride and pooling of convolutions: all ways by which an image comes to the width that the next linear layer takes."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product

from .state_dict_parts import Part

MOST = 24
DEEPEST = 8


@dataclass(frozen=True)
class Sizes:
    """Of each convolution its padding, its stride and whether a pooling by two follows; and whether an average over all ends them."""

    paddings: tuple[int, ...] = ()
    strides: tuple[int, ...] = ()
    pooled: tuple[bool, ...] = ()
    average: bool = False

    @property
    def words(self) -> str:
        """For a person, and to choose by."""
        if not self.paddings:
            return "none"
        parts = [f"padding {_same(self.paddings)}"]
        if any(s > 1 for s in self.strides):
            parts.append(f"stride {_same(self.strides)}")
        places = [str(i + 1) for i, pooled in enumerate(self.pooled) if pooled]
        parts.append(f"pooling after {', '.join(places)}" if places else "no pooling")
        return "; ".join([*parts, *(["then the average over all"] if self.average else [])])

    @property
    def odd(self) -> tuple[int, ...]:
        """How unusual: the smallest comes first."""
        pattern = sum(a != b for a, b in zip(self.pooled, self.pooled[1:], strict=False))
        halved = [s > 1 or p for s, p in zip(self.strides, self.pooled, strict=True)]
        both = sum(s > 1 and p for s, p in zip(self.strides, self.pooled, strict=True))
        return len(set(self.paddings)) + len(set(self.strides)) + pattern + both, not any(halved), sum(s > 1 for s in self.strides)


NO_SIZES = Sizes()


def _same(numbers: tuple[int, ...]) -> str:
    return str(numbers[0]) if len(set(numbers)) == 1 else ", ".join(map(str, numbers))


def sizes(convolutions: Sequence[Part], image: tuple[int, ...], wanted: int | None) -> tuple[Sizes, ...]:
    """Every usual way, the likeliest first, at most `MOST`.

    Parameters
    ----------
    image
        Height and width of what the first convolution takes, or its length.
    wanted
        What the next linear layer takes; None where something else follows, which takes any length.
    """
    if not convolutions:
        return (NO_SIZES,)
    found = [s for s in _ways(convolutions) if (end := _end(convolutions, image, s)) and _reaches(s, convolutions[-1].outputs, end, wanted)]
    return tuple(sorted(found, key=lambda s: s.odd)[:MOST])


def _ways(convolutions: Sequence[Part]) -> Iterator[Sizes]:
    n = len(convolutions)
    if n > DEEPEST:
        return
    paddings = [sorted({p.kernel[0] // 2, 0}, reverse=True) for p in convolutions]
    strides = [sorted({1, 2, p.kernel[0]} if p.kernel[0] >= 4 else {1, 2}) for p in convolutions]
    alike = n > 3
    for padding in _each(paddings, alike):
        for stride in _each(strides, alike):
            for pooled in product((True, False), repeat=n):
                for average in (False, True):
                    yield Sizes(padding, stride, pooled, average)


def _each(options: list[list[int]], alike: bool) -> Iterator[tuple[int, ...]]:
    """A choice for each layer; in deep networks the same place in each layer's list."""
    if not alike:
        yield from product(*options)
        return
    for place in range(max(map(len, options))):
        yield tuple(o[min(place, len(o) - 1)] for o in options)


def _end(convolutions: Sequence[Part], image: tuple[int, ...], ways: Sizes) -> tuple[int, ...]:
    """The size after all of them; empty where it shrinks to nothing on the way."""
    size = image
    for part, padding, stride, pooled in zip(convolutions, ways.paddings, ways.strides, ways.pooled, strict=True):
        size = tuple((side + 2 * padding - k) // stride + 1 for side, k in zip(size, part.kernel, strict=True))
        size = tuple(side // 2 for side in size) if pooled else size
        if min(size) < 1:
            return ()
    return size


def _reaches(ways: Sizes, channels: int, end: tuple[int, ...], wanted: int | None) -> bool:
    if wanted is None:
        return not ways.average
    whole = channels
    for side in end:
        whole *= side
    return wanted == (channels if ways.average else whole) and not (ways.average and whole == channels)
