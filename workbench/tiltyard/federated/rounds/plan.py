"""What a federation agrees on before it starts; JSON both ways, for it travels to every process."""

import secrets

import numpy as np
import torch
from numpy.typing import NDArray

from ...result import Given
from ...targets.training import Recipe
from ..aggregation import Rule
from ..malice import Attack, Omission
from .distributed_noise import NoiseShare


class Plan(Given):
    """Rounds, rule, local training, privacy and who attacks. ``noise`` 0 is no differential privacy; ``clip`` bounds one client's update then.

    ``offsets`` are added to the log scores by the decision rule in force, so that the largest is the label; empty for none.
    ``secure``: clients give their updates under SecAgg+ alone; with noise a sum of fewer than ``least`` stays closed. Malicious clients
    leave out what ``omit`` says of clipping and noise.
    ``mu`` is FedProx's, 0 for none; ``scaffold`` is for control variates; ``server_rate`` is FedAdam's, 0 for none.
    """

    clients: int
    rounds: int
    rule: Rule
    tolerate: int
    recipe: Recipe
    seed: int
    share: float = 1.0
    noise: float = 0.0
    clip: float = 1.0
    fresh_noise: bool = False
    attack: Attack = "sign_flip"
    malicious: tuple[int, ...] = ()
    boost: float = 1.0
    goal: int = 0
    secure: bool = False
    least: int = 0
    omit: Omission = "nothing"
    offsets: tuple[float, ...] = ()
    mu: float = 0.0
    scaffold: bool = False
    server_rate: float = 0.0

    def training_seed(self, client: int, number: int) -> int:
        """Seed of a client's training in round ``number`` (from 1); client 0's first is the plan's own."""
        return (self.seed + 10_007 * client + 1_000_003 * (number - 1)) % 2**31

    def sampled(self, number: int) -> tuple[int, ...]:
        """The clients of round ``number``: each by its own coin, so that privacy is amplified as the accountant assumes."""
        if self.share >= 1:
            return tuple(range(self.clients))
        coins = torch.rand(self.clients, generator=self._chance(1, number), dtype=torch.float64)
        return tuple(int(i) for i in (coins < self.share).nonzero())

    def drawn(self, number: int, size: int) -> NDArray[np.float64]:
        """The noise of round ``number``, float64 (size,): normal, of deviation noise times clip."""
        normal = torch.randn(size, generator=self._chance(2, number), dtype=torch.float64)
        return np.asarray(normal.numpy()) * (self.noise * self.clip)

    @property
    def noise_share(self) -> NoiseShare | None:
        """What each client adds by itself; None where the server adds the noise, or nobody does."""
        return NoiseShare(self.noise, self.clip, self.least) if self.secure and self.noise > 0 else None

    def omitted(self, client: int) -> Omission:
        """What ``client`` leaves out of what it should do to its update."""
        return self.omit if client in self.malicious else "nothing"

    @property
    def silent(self) -> int:
        """Clients that add no noise."""
        return len(self.malicious) if self.omit in ("noise", "both") else 0

    def client_chance(self, client: int, number: int) -> np.random.Generator:
        """Chance of one client's rounding and noise in a round: of its own, from the seed or, where ``fresh_noise``, the operating system."""
        return np.random.default_rng(secrets.randbits(256) if self.fresh_noise else [self.seed, 3, number, client])

    def _chance(self, stream: int, number: int) -> torch.Generator:
        """A stream of chance for round ``number``: from the seed, or from the operating system where ``fresh_noise``."""
        seeded = np.random.SeedSequence([self.seed, stream, number]).generate_state(1, np.uint64)[0] >> 1
        return torch.Generator().manual_seed(secrets.randbits(63) if self.fresh_noise else int(seeded))
