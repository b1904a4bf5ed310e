"""Input pipeline: images per CPU second of qlab's resident loader against DataLoader (workers=0) with PIL transforms.

    python benchmarks/input_pipeline.py [--rounds 7] [--images 10000] [--batch-size 128]

Both crop (padding 4), flip and normalise every image of one epoch. One thread, CPU seconds of the process, the two
alternate round by round; the ratio is the median over the rounds of qlab / DataLoader in the same round.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable, Iterable

import torch
from torch import Tensor

from qlab.data import Augment, Dataset, Loader
from qlab.uniforms import uniform


def images_per_second(epoch: Callable[[], Iterable[tuple[Tensor, Tensor]]], n: int) -> float:
    start = time.process_time()
    seen = sum(len(labels) for _, labels in epoch())
    if seen != n:
        raise RuntimeError(f"{seen} images, expected {n}")
    return n / (time.process_time() - start)


def resident(n: int) -> Dataset:
    noise = (uniform(0, 0, 0, (n, 3, 32, 32), stream="data") * 256).to(torch.uint8)
    labels, rows = torch.arange(n) % 10, {"train": torch.arange(n)}
    return Dataset.of("noise", noise, labels, list("0123456789"), rows, {}, Augment(pad=4, flip=True))


def with_pil(data: Dataset, batch_size: int) -> torch.utils.data.DataLoader:
    from PIL import Image
    from torchvision import transforms

    mean, std = (data.mean / 255).tolist(), (data.std / 255).tolist()
    transform = transforms.Compose(
        [
            transforms.RandomCrop(32, padding=4),
            transforms.RandomHorizontalFlip(),
            transforms.ToTensor(),
            transforms.Normalize(mean, std),
        ]
    )
    arrays = data.images.permute(0, 2, 3, 1).contiguous().numpy()  # as torchvision's CIFAR10 holds them

    class Images(torch.utils.data.Dataset):
        def __len__(self) -> int:
            return len(arrays)

        def __getitem__(self, i: int) -> tuple[Tensor, int]:
            return transform(Image.fromarray(arrays[i])), int(data.labels[i])

    return torch.utils.data.DataLoader(Images(), batch_size=batch_size, shuffle=True, num_workers=0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--images", type=int, default=10000)
    parser.add_argument("--batch-size", type=int, default=128)
    given = parser.parse_args()
    torch.set_num_threads(1)
    data = resident(given.images)
    peer = with_pil(data, given.batch_size)
    loaders = {
        "qlab": Loader(data, given.batch_size, augment=True),
        "qlab, channels_last": Loader(data, given.batch_size, augment=True, channels_last=True),
    }
    ratios: dict[str, list[float]] = {name: [] for name in loaders}
    for number in range(given.rounds + 1):  # the first round warms up
        base = images_per_second(lambda: iter(peer), given.images)
        for name, loader in loaders.items():
            ratio = images_per_second(lambda loader=loader, number=number: loader.epoch(number), given.images) / base
            if number:
                ratios[name].append(ratio)
    print(
        f"images per CPU second, ratio to DataLoader(workers=0) + PIL; 1 thread; load average {os.getloadavg()[0]:.1f}"
    )
    for name, values in ratios.items():
        print(f"{name:22s} {statistics.median(values):5.1f}  ({min(values):.1f} .. {max(values):.1f})")


if __name__ == "__main__":
    main()
