"""The ``bench`` command: sub-commands imported when called, one line and exit code 2 for bad input."""

from __future__ import annotations

import sys
import warnings
from typing import Any

import click

import bench
from bench.errors import BenchError
from bench.registry import import_target

COMMANDS: dict[str, tuple[str, str]] = {
    "run": ("bench.cli.run:command", "Measure codecs over rate points: bytes, pictures, metrics, parquet."),
    "report": ("bench.cli.report:command", "Write leaderboards and rate-distortion plots from stored results."),
    "compare": (
        "bench.cli.compare:command",
        "Compare two stores or two codecs, with intervals and an exit code.",
    ),
    "pack": ("bench.cli.pack:command", "Keep results in little room: one pack a codec."),
    "show": ("bench.cli.show:command", "Draw one item as decoded by every codec: a contact sheet."),
    "precision": ("bench.cli.precision:command", "Compare the metrics with their reference implementations."),
    "published": ("bench.cli.published:command", "Measure what other conventions do to published figures."),
    "score": ("bench.cli.score:command", "Score pictures that another framework decoded."),
    "encode": ("bench.cli.encode:command", "Compress one picture into a file."),
    "decode": ("bench.cli.decode:command", "Decode a file with the help of its side view."),
    "list": ("bench.cli.list:command", "List methods, metrics and datasets."),
    "doctor": ("bench.cli.doctor:command", "Show versions, device, and which weights and data are here."),
    "data": ("bench.cli.data:command", "Prepare, verify and list datasets."),
    "fetch": ("bench.cli.fetch:command", "Download the weights of metric networks."),
    "check": ("bench.cli.check:command", "Compare every shipped codec with the committed goldens."),
    "import": ("bench.cli.imports:command", "Turn an official checkpoint into a weights file."),
    "train": ("bench.cli.train:command", "Train the weights of a codec."),
}
"""Sub-command to (lazy target, one line of help). The help stands here so that ``--help`` imports no command."""


class LazyGroup(click.Group):
    """A group that imports a sub-command only when that one is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names in the order of ``COMMANDS``."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import one sub-command; None where there is none of that name."""
        if cmd_name not in COMMANDS:
            return None
        command = import_target(COMMANDS[cmd_name][0])
        if not isinstance(command, click.Command):
            raise BenchError(f"{COMMANDS[cmd_name][0]} is not a command.")
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Resolve a sub-command, with a did-you-mean for a miss."""
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            import difflib

            near = difflib.get_close_matches(args[0], COMMANDS, n=2)
            hint = f"did you mean {' or '.join(near)}?" if near else f"there are: {', '.join(COMMANDS)}."
            raise BenchError(f"There is no command {args[0]!r}; {hint}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of sub-commands without importing any."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(bench.__version__, prog_name="dic-bench")
def cli() -> None:
    """dic-bench: measure distributed image codecs on stereo pairs, honestly and repeatably."""


def _one_line(error: click.ClickException) -> str:
    """Click's message as one sentence that says where the options stand."""
    text = " ".join(error.format_message().split()).rstrip(".")
    context = error.ctx if isinstance(error, click.UsageError) else None
    return f"{text}; `{context.command_path} --help` shows what there is." if context is not None else f"{text}."


def main(argv: list[str] | None = None) -> Any:
    """Run the command line; a ``BenchError`` becomes one line on stderr and exit code 2.

    Args:
        argv: Arguments without the program's name; None means those of the process.
    """
    # What libraries announce to their own callers is no news for who types a command.
    warnings.simplefilter("ignore", FutureWarning)
    try:
        code = cli.main(args=argv, prog_name="bench", standalone_mode=False)
    except BenchError as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(2)
    except click.ClickException as error:
        if type(error).__name__ == "NoArgsIsHelpError":  # `bench` alone asks for its help; older clicks do not raise
            error.show()
            sys.exit(error.exit_code)
        click.echo(f"Error: {_one_line(error)}", err=True)
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        click.echo("Interrupted.", err=True)
        sys.exit(130)
    sys.exit(code if isinstance(code, int) else 0)
