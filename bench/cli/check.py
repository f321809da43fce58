"""`bench check`: has any codec or metric drifted from the committed goldens?"""

from __future__ import annotations

import click


@click.command("check")
@click.option("--update", is_flag=True, help="Write what was measured as the new goldens.")
def command(update: bool) -> int:
    """Compare every shipped codec with the committed goldens; exit code 1 where one drifted."""
    from bench import check

    now, drifts, notes = check.run(lambda line: click.echo(line, err=True))
    for note in notes:
        click.echo(f"note: {note}")
    for drift in drifts:
        click.echo(drift)
    if update:
        check.write(now)
        click.echo(f"Wrote the goldens of {len(now['units'])} units.")
        return 0
    click.echo(f"{len(now['units'])} units compared with the goldens, {len(drifts)} drifts.")
    return 1 if drifts else 0
