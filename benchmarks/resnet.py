"""ResNet-50, and longer ones, out of PyTorch's layers or of tinygraph's: the text is the same."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

RESNET50 = (3, 4, 6, 3)


def build(nn: Any, blocks: Sequence[int] = RESNET50, width: int = 64) -> Any:
    """A ResNet of bottleneck blocks; ``nn`` is torch.nn or tinygraph.nn."""

    class Bottleneck(nn.Module):
        def __init__(self, inputs: int, width: int, stride: int, first: bool) -> None:
            super().__init__()
            self.conv1 = nn.Conv2d(inputs, width, 1, bias=False)
            self.bn1 = nn.BatchNorm2d(width)
            self.conv2 = nn.Conv2d(width, width, 3, stride, 1, bias=False)
            self.bn2 = nn.BatchNorm2d(width)
            self.conv3 = nn.Conv2d(width, 4 * width, 1, bias=False)
            self.bn3 = nn.BatchNorm2d(4 * width)
            self.relu = nn.ReLU()
            self.downsample = None
            if first:
                convolution = nn.Conv2d(inputs, 4 * width, 1, stride, bias=False)
                self.downsample = nn.Sequential(convolution, nn.BatchNorm2d(4 * width))

        def forward(self, x: Any) -> Any:
            y = self.relu(self.bn1(self.conv1(x)))
            y = self.relu(self.bn2(self.conv2(y)))
            y = self.bn3(self.conv3(y))
            return self.relu(y + (x if self.downsample is None else self.downsample(x)))

    class ResNet(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv1 = nn.Conv2d(3, width, 7, 2, 3, bias=False)
            self.bn1 = nn.BatchNorm2d(width)
            self.relu = nn.ReLU()
            self.maxpool = nn.MaxPool2d(3, 2, 1)
            inputs = width
            for i, count in enumerate(blocks):
                inside = width << i
                sizes = [(inputs, inside, 2 if i else 1, True)]
                sizes += [(4 * inside, inside, 1, False)] * (count - 1)
                setattr(self, f"layer{i + 1}", nn.Sequential(*(Bottleneck(*s) for s in sizes)))
                inputs = 4 * inside
            self.avgpool = nn.AdaptiveAvgPool2d(1)
            self.flatten = nn.Flatten()
            self.fc = nn.Linear(inputs, 1000)

        def forward(self, x: Any) -> Any:
            x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
            for i in range(len(blocks)):
                x = getattr(self, f"layer{i + 1}")(x)
            return self.fc(self.flatten(self.avgpool(x)))

    return ResNet()
