"""Check what Sphinx built, offline: each link, anchor, picture and script leads to something in the folder.

    python docs/_ext/links.py out/docs

Prints what does not, and fails. Addresses on the web are not fetched, but nothing that a page loads may be there.
"""

import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit


class Page(HTMLParser):
    """The names that a page can be entered at, what it links to, and what it loads."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path, self.anchors, self.links, self.loads = path, {"", "top"}, set[str](), set[str]()
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take note of a tag."""
        found = {name: value for name, value in attrs if value}
        self.anchors |= {found[name] for name in ("id", "name") if name in found}
        if tag == "a" and "href" in found:
            self.links.add(found["href"])
        elif tag == "link" and found.get("rel") in ("stylesheet", "icon", "preload"):
            self.loads.add(found.get("href", ""))
        elif tag in ("img", "script", "iframe") and "src" in found:
            self.loads.add(found["src"])
        elif tag == "source" and "srcset" in found:
            self.loads |= {one.split()[0] for one in found["srcset"].split(",")}


def faults(folder: Path) -> list[str]:
    """A line for each link or source that leads nowhere."""
    pages = {path.resolve(): Page(path) for path in sorted(folder.rglob("*.html"))}
    found = []
    for page in pages.values():
        where = page.path.relative_to(folder)
        for target in sorted(page.links | page.loads):
            address = urlsplit(target)
            if address.scheme or address.netloc:
                if target in page.loads and address.scheme != "data":
                    found.append(f"{where} loads {target} from the web")
                continue
            path = (page.path.parent / unquote(address.path)).resolve() if address.path else page.path.resolve()
            if not path.exists():
                found.append(f"{where}: there is no {target}")
            elif path in pages and unquote(address.fragment) not in pages[path].anchors:
                found.append(f"{where}: {target} has no such anchor")
    return found


if __name__ == "__main__":
    wrong = faults(Path(sys.argv[1]))
    print("\n".join(wrong) or "every link leads somewhere")
    sys.exit(bool(wrong))
