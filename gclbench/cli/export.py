"""`gclbench export`: what is finished of a study, in one file for another home or machine."""

from __future__ import annotations

from gclbench.cli.arguments import ContentFolders, NamedKeyValues, read_words
from gclbench.cli.output import say
from gclbench.study.asking import with_all_seeds
from gclbench.words.groups import require_study
from gclbench.words.verbs import ExportWords


def export(
    words: NamedKeyValues = None,
    content: ContentFolders = None,
) -> None:
    """Write the artifacts and runs of a study into one file; `gclbench import` takes them in.

    The words of `gclbench plan` say which cells; every stage of theirs comes along, but those
    that are not finished.

    \b
    Examples:
      gclbench export table6 out=table6.tar.gz
      gclbench export table6 out=part.tar.gz profile=smoke rows=none tasks=market1501
      gclbench export recipe=scl task=market1501 out=scl.tar.gz
    """
    parsed = read_words(ExportWords, words, content)
    require_study(parsed)
    from gclbench.runtime.parcel import export_study
    from gclbench.study.opened import open_study

    sent = export_study(open_study(with_all_seeds(parsed)), parsed.out)
    say(f"wrote {parsed.out}: {sent.finished} of {sent.nodes} stage runs, {sent.size_mb:.1f} MB")
