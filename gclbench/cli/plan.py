"""`gclbench plan`: what a run would do, before anything is trained."""

from __future__ import annotations

from gclbench.cli.arguments import AsJson, ContentFolders, NamedKeyValues, read_words
from gclbench.cli.output import say, say_json
from gclbench.study.asking import question_of
from gclbench.words.groups import require_study
from gclbench.words.verbs import PlanWords


def plan(
    words: NamedKeyValues = None,
    as_json: AsJson = False,
    content: ContentFolders = None,
) -> None:
    """Show cells, stage runs asked for, those left after sharing, what is cached, and the cost.

    Whatever the run would need and is not there is said now: files, packages, devices, layouts.
    Says too how many artifacts in the results folder are from before the kernel fix: they are
    never reused.

    \b
    Examples:
      gclbench plan ablation=table6
      gclbench plan ablation=table6 seeds=0,1,2 --json
      gclbench plan ablation=table6 joint.pseudo_labels.eps=0.45
      gclbench plan recipe=scl task=market1501
    """
    parsed = read_words(PlanWords, words, content)
    require_study(parsed)
    from gclbench.api.study import Study

    found = Study(question_of(parsed)).plan()
    if as_json:
        say_json(found.summary)
    else:
        say(str(found))
