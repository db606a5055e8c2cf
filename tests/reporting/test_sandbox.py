"""Templates of others: they read tables and write text, and nothing else, at a bounded cost."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from gclbench.errors import ContentError
from gclbench.reporting.render import check_templates
from gclbench.reporting.render.sample import SAMPLE
from gclbench.reporting.render.templates import Template, fill

ROOT = Path(__file__).resolve().parents[2]
ESCAPES = {
    "cycler": "<< cycler.__init__.__globals__.os.popen('touch owned').read() >>",
    "lipsum": "<< lipsum.__globals__['os'].system('touch owned') >>",
    "joiner": "<< joiner.__init__.__globals__.os.system('touch owned') >>",
    "namespace": "<< namespace.__init__.__globals__.os.system('touch owned') >>",
    "self": "<< self._TemplateReference__context.environment >>",
    "class": "<< ''.__class__.__mro__[1].__subclasses__() >>",
    "item": "<< ''['__class__'] >>",
    "attr filter": "<< ''|attr('__class__') >>",
    "map": "<< ['']|map(attribute='__class__')|list >>",
    "map of dots": "<< [tables]|map(attribute='0.0.__init__.__globals__')|first >>",
    "select": "<< ['']|selectattr('__class__')|list >>",
    "sort": "<< ['b','a']|sort(attribute='__class__.__name__') >>",
    "groupby": "<< ['a']|groupby('__class__') >>",
    "format": "<< '{0.__class__}'.format(tables) >>",
    "format by map": "<< ['{0.__class__}']|map('format', tables)|list >>",
    "format_map": "<< '{a.__class__}'.format_map({'a': tables}) >>",
    "format through attr": "<< ('{0.__class__}'|attr('format'))(tables) >>",
    "percent": "<< '%(a)s' % {'a': tables} >>",
    "percent filter": "<< '%s'|format(tables) >>",
    "of the table": "<< tables[0][0].__init__.__globals__ >>",
    "of its dictionary": "<< tables[0][0].__dict__.title >>",
    "of its fields": "<< tables[0][0]['__dict__']['title'] >>",
    "of a loop": "<% for t in tables %><< loop.__init__.__globals__ >><% endfor %>",
    "of a macro": "<% macro m() %><% endmacro %><< m.__call__.__globals__ >>",
    "of a macro's function": "<% macro m() %><% endmacro %><< m._func.__globals__ >>",
    "of range": "<< range.__self__ >>",
    "of a filter": "<% set f = 'x'|string %><< f.join.__self__.__class__ >>",
    "of a generator": "<< (tables|map('first')).gi_frame >>",
    "include": "<% include '/etc/passwd' %>",
    "import": "<% import 'os' as os %>",
    "from import": "<% from 'x' import y %>",
    "extends": "<% extends '/etc/passwd' %>",
    "request": "<< request.application.__globals__ >>",
    "config": "<< config.items() >>",
    "debug": "<% debug %>",
    "change of the data": "<< tables[0][0].settings.update({'a': 1}) >>",
    "a filter that counts": "<< [-9000000000000000000]|map(' written')|list|length >>",
    "change of a list": "<% set a = [1] %><< a.append(2) >>",
}
BOMBS = {
    "range": "<% for i in range(10**9) %>x<% endfor %>",
    "long range": "<% for i in range(1000000000) %>x<% endfor %>",
    "nested ranges": "<% for i in range(9999) %><% for j in range(9999) %>"
    "<% for k in range(9999) %><% endfor %><% endfor %><% endfor %>",
    "text times number": "<< 'x' * 1000000000 >>",
    "power": "<< 9**9**9**9 >>",
    "wide format": "<< '%1000000000d' % 1 >>",
    "center": "<< 'x'|center(1000000000) >>",
    "indent": "<< 'x'|indent(1000000000) >>",
    "doubled text": "<% set a = namespace(t='xxxxxxxx') %><% for i in range(60) %>"
    "<% set a.t = a.t ~ a.t %><% endfor %>",
    "added text": "<% set a = namespace(t='xxxxxxxx') %><% for i in range(60) %>"
    "<% set a.t = a.t + a.t %><% endfor %>",
    "joined": "<< range(9999)|join('x'|replace('x', 'yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy'"
    "|replace('y', 'zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz'))) >>",
    "lists of lists": "<% set a = [1] %>" + "<% set a = [a, a] %>" * 60 + "<< a >>",
    "pairs of pairs": "<% set a = (1, 2) %>" + "<% set a = (a, a) %>" * 60 + "<< {a: 1} >>",
    "macro": "<% macro m() %><< m() >><% endmacro %><< m() >>",
    "two macros": "<% macro m(n) %><% if n < 200 %><< m(n + 1) >><< m(n + 1) >><% endif %>"
    "<% endmacro %><< m(0) >>",
    "macro that writes": "<% macro m() %>"
    + "x" * 5000
    + "<% endmacro %><% for i in range(9999) %><% for j in range(99) %><% set t = m() %>"
    "<% endfor %><% endfor %>",
    "loop in a macro": "<% macro m() %><% for i in range(9999) %><% for j in range(9) %>"
    + "x" * 5000
    + "<% endfor %><% endfor %><% endmacro %><< m() >>",
    "recursive loop": "<% for t in tables recursive %><< loop(tables) >><% endfor %>",
    "block set": "<% set x %>x<% endset %>",
    "huge number": "<< " + "9" * 5000 + " >>",
    "grown number": "<% set a = namespace(n=9223372036854775806) %><< a.n + a.n >>",
    "deep": "<< " + "(" * 5000 + "1" + ")" * 5000 + " >>",
    "deep blocks": "<% if 1 %>" * 300 + "<% endif %>" * 300,
    "sorts": "<% for i in range(9999) %><% set t = range(9999)|list|sort|list %><% endfor %>",
    "not ended": "<% for t in tables %>",
    "not a name": "<< tabels >>",
    "division": "<< 1 // 0 >>",
    "hash of what was given": "<% set n = namespace(t=()) %><% macro m() %>"
    "<% set n.t = varargs %><% endmacro %><% for i in range(60) %><% set x = m(n.t, n.t) %>"
    "<% endfor %><% set q = {n.t: 1} %>",
    "names of what was given": "<% set n = namespace(t=0, u=0) %><% macro m() %>"
    "<% set n.t = kwargs %><% endmacro %><% macro k() %><% set n.u = kwargs %><% endmacro %>"
    "<% for i in range(60) %><% set x = m(a=n.t, b=n.t) ~ k(a=n.u, b=n.u) %><% endfor %>"
    "<< n.t == n.u >>",
    "a chain of replaced texts": f"<% set n = namespace(p=0) %><% set t = '{'x' * 990}' %>"
    "<% for i in range(9999) %><% for j in range(20) %>"
    "<% set n.p = namespace(p=n.p, s=t|replace('x', t)) %><% endfor %><% endfor %>",
    "a chain of joined texts": f"<% set n = namespace(p=0) %><% set t = '{'x' * 9000}' %>"
    "<% for i in range(9999) %><% for j in range(20) %>"
    "<% set n.p = namespace(p=n.p, s=range(99)|join(t)) %><% endfor %><% endfor %>",
}


def written(text: str, path: Path = Path("mine/table.md.jinja")) -> str:
    return fill(Template(path, text), str.upper, tables=[(SAMPLE, [])])


@pytest.mark.parametrize("name", ESCAPES)
def test_no_escape_leads_out(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    settings = dict(SAMPLE.settings)
    with pytest.raises(ContentError) as caught:
        written("first line\n" + ESCAPES[name])
    assert str(caught.value).startswith("mine/table.md.jinja:2: template: ")
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []
    assert SAMPLE.settings == settings


@pytest.mark.parametrize("name", BOMBS)
def test_no_bomb_goes_off(name: str) -> None:
    began = time.process_time()
    with pytest.raises(ContentError) as caught:
        written(BOMBS[name])
    assert time.process_time() - began < 20
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize(
    ("how", "sign"), [("sort", "."), ("sort", ","), ("max", "."), ("map", "."), ("unique", ".")]
)
def test_each_part_of_a_long_attribute_counts(
    how: str, sign: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gclbench.reporting.render.sandbox.MAX_STEPS", 20_000)
    name = sign.join(["real"] * 1000)
    with pytest.raises(ContentError, match="more than a report takes"):
        written(f"<< range(999)|list|{how}(attribute='{name}')|list|length >>")


@pytest.mark.parametrize(
    ("text", "becomes"),
    [
        (r"\textbf{<< 'x' | e >>}", r"\textbf{X}"),
        ("<< tables[0][0].title >> << tables[0][0].kind >>", "Title measured"),
        ("<% for t, g in tables %><< loop.index >>/<< loop.length >><% endfor %>", "1/1"),
        ("<% for k, v in tables[0][0].settings.items() %><< k >>=<< v >><% endfor %>", "seed=0"),
        ("<< 'a' ~ 1 ~ 'b' >> << 1 + 2 >> << 'a' + 'b' >> << 7 // 2 >> << -3 >>", "a1b 3 ab 3 -3"),
        ("<% for i in range(3) %><< loop.cycle('a', 'b') >><% endfor %>", "aba"),
        ("<% macro m(x) %>[<< x >>]<% endmacro %><< m(1) >><< m('y') >>", "[1][y]"),
        ("<% macro m() %><< caller() >>!<% endmacro %><% call m() %>x<% endcall %>", "x!"),
        ("<< [3, 1, 2]|sort|join('-') >> << none|default('d', true) >>", "1-2-3 d"),
        ("<% for l in T.panels[0].lines if l.control %><< l.key >><% endfor %>", "third"),
        ("<< T.panels[0].lines|map(attribute='key')|join(' ') >>", "first second third"),
        ("<< 'a b'.split()|last >> << 'x'.startswith('x') >> << tables|length >>", "b True 1"),
        (
            "<% set n = namespace(k=0) %><% for i in range(4) %><% set n.k = n.k + i %>"
            "<% endfor %><< n.k >>",
            "6",
        ),
    ],
)  # fmt: skip
def test_what_a_layout_needs_is_there(text: str, becomes: str) -> None:
    assert written(text.replace("T.", "tables[0][0].")) == becomes


def test_a_large_report_is_within_bounds() -> None:
    text = (
        "<% for a in range(1000) %><% for b in range(40) %>| << 12.5 >> <% endfor %>\n<% endfor %>"
    )
    assert written(text).count("| 12.5 ") == 40_000


@pytest.mark.parametrize("name", ["table.html.jinja", "table.md.jinja", "table.tex.jinja"])
def test_the_plan_tries_templates_and_names_file_and_line(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "reports" / "templates"
    folder.mkdir(parents=True)
    (folder / name).write_text("fine\n<< ''.__class__ >>\n", encoding="utf-8")
    with pytest.raises(ContentError, match=rf"{name}:2: template: .*'__class__'.* unsafe"):
        check_templates([tmp_path, ROOT])


def test_the_shipped_templates_pass() -> None:
    check_templates([ROOT])


def test_a_name_that_no_branch_has_reached_is_found(tmp_path: Path) -> None:
    folder = tmp_path / "reports" / "templates"
    folder.mkdir(parents=True)
    (folder / "table.md.jinja").write_text("<% if false %><< tabels >><% endif %>")
    with pytest.raises(ContentError, match="there is no 'tabels', only tables"):
        check_templates([tmp_path, ROOT])


def test_data_stay_as_they_were(measured: Any) -> None:
    before = repr(SAMPLE)
    written("<< tables[0][0].settings.get('seed') >>")
    assert repr(SAMPLE) == before
