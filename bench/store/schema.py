"""Columns of the result tables, documented; importable without pyarrow.

``items.parquet`` has one row an item and ``set.parquet`` one row a unit. Behind the columns listed here stands one
float column a metric, named as in ``bench.metrics.registry``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from bench.errors import BenchError
from bench.protocol import SCHEMA


@dataclass(frozen=True)
class Column:
    """One column: its name, type (``str``, ``int``, ``float`` or ``bool``) and meaning."""

    name: str
    type: str
    doc: str


IDENTITY: tuple[Column, ...] = (
    Column("method", "str", "registered name, or name of a plug-in"),
    Column("variant", "str", "variant of the method"),
    Column("preset", "str", "small or paper"),
    Column("rate", "str", "rate point, r1 … rk from low to high"),
    Column("options", "str", "canonical JSON of the codec's options, defaults included"),
    Column("dataset", "str", "dataset"),
    Column("split", "str", "split of the dataset"),
    Column("subset", "str", "named subset; equal to the split where the whole split was measured"),
    Column("partial", "bool", "measured under --limit: not ranked"),
    Column("manifest", "str", "sha256 of the dataset's manifest"),
    Column("protocol", "str", "evaluation protocol"),
    Column("schema", "int", "version of these columns"),
    Column("n", "int", "items in the unit"),
    Column("repetition", "int", "which draw of the decoder's noise, from 0"),
    Column("control", "str", "none, wrong-y, blank-y or wrong-x"),
    Column("key", "str", "sha256 of everything the unit's pixels depend on"),
    Column("weights_sha256", "str", "digest of the codec's weights file; empty without one"),
    Column("encoder_version", "str", "name and version of the library that wrote the bytes"),
)

ITEM: tuple[Column, ...] = (
    *IDENTITY,
    Column("item", "str", "id of the pair"),
    Column("scene", "str", "scene of the pair; intervals resample scenes"),
    Column("y_item", "str", "id of the pair whose y the decoder had; empty for a blank y"),
    Column("x_item", "str", "id of the pair whose bytes were decoded; another one under wrong-x"),
    Column("status", "str", "ok, or why there is no number"),
    Column("reason", "str", "one sentence for a status other than ok"),
    Column("height", "int", "pixels, padding excluded"),
    Column("width", "int", "pixels, padding excluded"),
    Column("bits_file", "int", "bits of the file, container included: the headline rate"),
    Column("bits_payload", "int", "bits of the payload's sections"),
    Column("bits_estimated", "float", "bits by the model's likelihoods"),
    Column("bits_native", "int", "bits of the coder's own file format, where there is one"),
    Column("encode_ms", "float", "milliseconds from picture to payload: batch wall time / items, synchronised"),
    Column("decode_ms", "float", "milliseconds from file to picture, entropy decoding included; likewise"),
    Column("side_ms", "float", "milliseconds of all work on y alone, where the codec offers it; likewise"),
    Column("encode_batch", "int", "batch size of encode_ms"),
    Column("decode_batch", "int", "batch size of decode_ms"),
)

SET: tuple[Column, ...] = (
    *IDENTITY,
    Column("status", "str", "ok, or why there is no number"),
    Column("reason", "str", "one sentence for a status other than ok"),
    Column("title", "str", "name for people"),
    Column("uses_side", "bool", "the decoder reads y"),
    Column("encoder_sees_y", "bool", "the encoder reads y too: an upper bound, ranked apart"),
    Column("stochastic", "bool", "the decoder draws noise"),
    Column("random_init", "bool", "untrained weights: never ranked"),
    Column("twin", "str", "the same codec without y, name:variant; empty without one"),
    Column(
        "bits_parts", "str", "canonical JSON: container and parts of the payload → mean bits an item; empty if unknown"
    ),
    Column("device", "str", "device that decoded"),
    Column("created", "str", "UTC time of coding, ISO 8601"),
    Column("metric_statuses", "str", "canonical JSON: metric → status"),
)

NULL: dict[str, Any] = {"str": "", "int": None, "float": None, "bool": False}
"""What stands for a missing value of each type; a missing number is null, never zero."""


def check_schema(version: int, where: str) -> None:
    """Refuse results of a newer schema.

    Raises:
        BenchError: ``version`` is above the one this program knows.
    """
    if version > SCHEMA:
        raise BenchError(
            f"{where} was written with result schema {version}, and this dic-bench reads up to {SCHEMA}; "
            "update dic-bench to read it."
        )
