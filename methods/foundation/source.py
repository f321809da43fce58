"""Where a foundation lies: a folder in diffusers' layout, or a snapshot in the hub's cache. Nothing here downloads."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.errors import BenchError, MissingWeights
from methods.foundation.options import BLIP2, STABLE_DIFFUSION

REVISIONS = {STABLE_DIFFUSION: "bb2154823665391b4fb29b0b9cf82a198964ee05"}
"""Commits that the hub is asked for; a repository without one here is taken at ``main``."""

SIZES = {STABLE_DIFFUSION: "5.2 GB", BLIP2: "15 GB"}
"""Roughly what a download takes, float32."""

WEIGHTS = {
    "vae": "diffusion_pytorch_model",
    "unet": "diffusion_pytorch_model",
    "text_encoder": "model",
    "captioner": "model",
}
"""Parts with weights, and the stem of their files."""

CONFIGS = {"scheduler": "scheduler_config.json", "tokenizer": "tokenizer_config.json"}
"""Names of configuration files that are not ``config.json``."""


@dataclass(frozen=True)
class Source:
    """One place that parts are read from.

    Attributes:
        place: Folder, or hub repository ``owner/name``.
        revision: Commit or tag of the hub repository; None for the pinned one.
        flat: The place is one part by itself, as a captioner's repository is, rather than a folder of parts.
    """

    place: str
    revision: str | None = None
    flat: bool = False

    @property
    def commit(self) -> str:
        """The revision that the hub's cache is asked for."""
        return self.revision or REVISIONS.get(self.place, "main")

    def part(self, name: str) -> Path:
        """Return the folder of one part, with all that its loader needs.

        Raises:
            MissingWeights: The place is a repository that is not on this machine at this revision.
            BenchError: There is no such folder; it lacks the part; its weights are not safetensors.
        """
        root = self._root()
        folder = root if self.flat else root / name
        config = folder / CONFIGS.get(name, "config.json")
        if not config.is_file():
            whole = ", ".join((*WEIGHTS, *CONFIGS))
            holds = config.name if self.flat else f"{config.relative_to(root)}; a foundation folder has {whole}"
            raise BenchError(f"The foundation {self.place} lacks the part {name!r}: there is no {holds}.")
        if name in WEIGHTS:
            self._need_weights(folder, WEIGHTS[name])
        return folder

    def config(self, name: str) -> Mapping[str, Any]:
        """Return a part's configuration.

        Raises:
            MissingWeights, BenchError: As :meth:`part`, or the file is no JSON object.
        """
        path = self.part(name) / CONFIGS.get(name, "config.json")
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise BenchError(f"{path} is not a JSON file ({error}); restore it.") from error
        if not isinstance(found, dict):
            raise BenchError(f"{path} holds no JSON object; restore it.")
        return found

    def _root(self) -> Path:
        path = Path(self.place).expanduser()
        if path.is_dir():
            if self.revision is not None:
                raise BenchError(f"The folder {self.place} has no revisions; leave revision={self.revision} out.")
            return path
        if self.place.count("/") != 1 or self.place.startswith((".", "/", "~")):
            raise BenchError(
                f"There is no foundation folder {self.place}; name a folder or a hub repository OWNER/NAME."
            )
        return self._snapshot()

    def _snapshot(self) -> Path:
        """Folder of the hub's snapshot, from the cache alone."""
        from huggingface_hub import snapshot_download
        from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

        try:
            return Path(snapshot_download(self.place, revision=self.commit, local_files_only=True))
        except HFValidationError as error:
            raise BenchError(f"{self.place!r} is no name of a hub repository; give OWNER/NAME or a folder.") from error
        except LocalEntryNotFoundError as error:
            raise MissingWeights(self._absent()) from error

    def _absent(self) -> str:
        here = sorted(_cached_revisions(self.place))
        other = f" (other revisions are: {', '.join(here)})" if here else ""
        what = "'*.json' '*.txt' '*.safetensors'"
        size = f", about {SIZES[self.place]}" if self.place in SIZES else ""
        return (
            f"{self.place} is not on this machine at revision {self.commit}{other}: get its configuration, vocabulary "
            f'and safetensors files{size} with "hf download {self.place} --revision {self.commit} --include {what}", '
            "name a local folder, or try the path with --random-init."
        )

    def _need_weights(self, folder: Path, stem: str) -> None:
        names = sorted(p.name for p in folder.iterdir() if p.name.startswith((stem, "pytorch_model")))
        if any(name.startswith(stem) and name.endswith(".safetensors") for name in names):
            return
        others = [name for name in names if name.endswith((".bin", ".ckpt", ".pt", ".pth"))]
        if others:
            raise BenchError(
                f"{folder} holds {others[0]} and no safetensors; only {stem}.safetensors is read, since other formats "
                "can run code: get that file, or convert the part with its save_pretrained."
            )
        raise MissingWeights(f"{folder} holds no weights; {stem}.safetensors belongs there.")


def _cached_revisions(repository: str) -> set[str]:
    """Commits of a repository that the hub's cache holds."""
    from huggingface_hub import scan_cache_dir
    from huggingface_hub.errors import CacheNotFound

    try:
        repositories = scan_cache_dir().repos
    except CacheNotFound:
        return set()
    return {r.commit_hash for repo in repositories if repo.repo_id == repository for r in repo.revisions}
