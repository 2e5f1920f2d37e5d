"""How much memory a process holds, sampled while it works."""

from __future__ import annotations

import statistics
import threading
import time
from dataclasses import dataclass, field

import psutil

EVERY_S = 1.0
MB = 1 << 20


@dataclass
class Memory:
    """Samples of the resident set in MB, by seconds since the epoch."""

    pid: int
    samples: list[tuple[float, float]] = field(default_factory=list)

    def __enter__(self) -> Memory:
        self._over = threading.Event()
        self._sampler = threading.Thread(target=self._sample)
        self._sampler.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._sampler.join()

    def _sample(self) -> None:
        process = psutil.Process(self.pid)
        while not self._over.wait(EVERY_S):
            self.samples.append((time.time(), process.memory_info().rss / MB))

    def around(self, moment: float, seconds: float = 10.0) -> float:
        """The median around a moment."""
        near = [size for when, size in self.samples if abs(when - moment) <= seconds / 2]
        return round(statistics.median(near), 1) if near else float("nan")

    def told(self, began: float, seconds: float) -> dict[str, float]:
        """At the start, after each quarter, and how much a minute came on top in the second half."""
        quarters = {f"after {share}%": self.around(began + seconds * share / 100) for share in (0, 25, 50, 75, 100)}
        late = [(when, size) for when, size in self.samples if began + seconds / 2 <= when <= began + seconds]
        growth = statistics.linear_regression(*zip(*late, strict=True)).slope if len(late) > 2 else 0.0
        return quarters | {
            "most": round(max(size for _, size in self.samples), 1),
            "MB a minute": round(60 * growth, 2),
        }
