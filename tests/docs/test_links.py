"""The link checker finds what leads nowhere, and what is loaded from the web."""

from tests.docs.extensions import links


def test_it_finds_each_kind_of_fault(tmp_path):
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "b.html").write_text("<h1 id='here'>b</h1><a href='../a.html'>fine</a>")
    (tmp_path / "a.html").write_text(
        "<a href='sub/b.html#here'>fine</a><a href='https://example.org'>not fetched</a><img src='data:,x'>"
        "<a href='sub/b.html#there'>x</a><a href='#nowhere'>x</a><a href='c.html'>x</a>"
        "<script src='https://example.org/x.js'></script><img src='gone.png'>"
    )
    assert links.faults(tmp_path) == [
        "a.html: #nowhere has no such anchor",
        "a.html: there is no c.html",
        "a.html: there is no gone.png",
        "a.html loads https://example.org/x.js from the web",
        "a.html: sub/b.html#there has no such anchor",
    ]
