"""Networks by name: one ResNet-18 of any order with a choice of convolution, and MobileNet-v2."""

from hocp.networks.registry import build, names, order_of
from hocp.networks.torchvision_names import to_torchvision_names

__all__ = ["build", "names", "order_of", "to_torchvision_names"]
