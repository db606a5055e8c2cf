"""`gclbench completion SHELL`: the script that asks `gclbench` what fits when TAB is pressed."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from gclbench.cli.output import say_raw


class Shell(StrEnum):
    """The shells that have a script in `complete/scripts`."""

    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"


def completion(
    shell: Annotated[Shell, typer.Argument(metavar="SHELL", help="bash, zsh or fish")],
) -> None:
    """Print what makes a shell complete verbs, words, their values, and settings.

    \b
    Install it once (zsh: below the line with compinit), then open a new shell:
      gclbench completion bash > ~/.gclbench.bash && echo '. ~/.gclbench.bash' >> ~/.bashrc
      gclbench completion zsh > ~/.gclbench.zsh && echo '. ~/.gclbench.zsh' >> ~/.zshrc
      gclbench completion fish > ~/.config/fish/completions/gclbench.fish

    \b
    Examples:
      gclbench run ablation=t<TAB>
      gclbench run table6 rows=<TAB>
      gclbench plan table6 joint.tem<TAB>
    """
    from gclbench.words.values import prepare

    prepare()
    say_raw(script(shell))


def script(shell: str) -> str:
    """The text of a shell's script."""
    path = Path(__file__).with_name("complete") / "scripts" / f"completion.{shell}"
    return path.read_text(encoding="utf-8")
