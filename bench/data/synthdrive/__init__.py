"""The embedded default dataset: a procedural stereo renderer of streets with the KITTI protocol's geometry."""

from bench.data.synthdrive.render import CLASSES, Rendered, render

__all__ = ["CLASSES", "Rendered", "render"]
