"""How much memory and processor time a process takes, sampled while it works."""

from __future__ import annotations

import statistics
import threading
import time
from dataclasses import dataclass, field

import psutil

EVERY_S = 1.0
MB = 1 << 20


@dataclass(frozen=True)
class Sample:
    """Seconds since the epoch, resident memory in MB, seconds of processor time so far, threads."""

    when: float
    memory: float
    processor: float
    threads: int


@dataclass
class Usage:
    """Samples a process from entering to leaving."""

    pid: int
    samples: list[Sample] = field(default_factory=list)

    def __enter__(self) -> Usage:
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
            times = process.cpu_times()
            memory = process.memory_info().rss / MB
            self.samples.append(Sample(time.time(), memory, times.user + times.system, process.num_threads()))

    def told(self, began: float, seconds: float) -> dict[str, float]:
        """Memory before, after each quarter, at most and how much a minute came on top in the second half; processor
        time in cores; most threads."""

        def around(share: float) -> float:
            moment = began + seconds * share
            near = sorted(self.samples, key=lambda sample: abs(sample.when - moment))[:5]
            return round(statistics.median(sample.memory for sample in near), 1)

        within = [sample for sample in self.samples if began <= sample.when <= began + seconds]
        first, last = within[0], within[-1]
        late = [(sample.when, sample.memory) for sample in within if sample.when >= began + seconds / 2]
        growth = statistics.linear_regression(*zip(*late, strict=True)).slope if len(late) > 1 else 0.0
        return {
            "MB before": round(self.samples[0].memory, 1),
            **{f"MB after {share:.0%}": around(share) for share in (0.25, 0.5, 0.75, 1)},
            "MB at most, the crush included": round(max(sample.memory for sample in self.samples), 1),
            "MB more a minute in the second half": round(60 * growth, 2),
            "cores": round((last.processor - first.processor) / (last.when - first.when), 2),
            "threads at most": max(sample.threads for sample in self.samples),
        }
