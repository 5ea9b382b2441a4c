"""An HTML page as a tree: strict, for what has been opened has to be closed."""

from collections.abc import Iterator
from html.parser import HTMLParser

VOID = {"meta", "link", "input", "br"}
INLINE = {"a", "abbr", "b", "code", "em", "i", "span"}


class Element:
    """A tag, what it has, and what is in it."""

    def __init__(self, tag: str, attributes: dict[str, str]) -> None:
        self.tag, self.attributes = tag, attributes
        self.children: list[Element | str] = []

    @property
    def text(self) -> str:
        """All text in it as it is read, with single blanks."""
        return " ".join("".join(self._read()).split())

    @property
    def raw(self) -> str:
        return "".join(self._texts())

    def _read(self) -> Iterator[str]:
        for child in self.children:
            if isinstance(child, str):
                yield child
                continue
            apart = "" if child.tag in INLINE else " "
            yield apart + "".join(child._read()) + apart

    def _texts(self) -> Iterator[str]:
        for child in self.children:
            yield from [child] if isinstance(child, str) else child._texts()

    def __getitem__(self, name: str) -> str:
        return self.attributes[name]

    @property
    def classes(self) -> list[str]:
        return self.attributes.get("class", "").split()

    @property
    def elements(self) -> Iterator["Element"]:
        """Itself and all below it, in the order of the page."""
        yield self
        for child in self.children:
            if isinstance(child, Element):
                yield from child.elements

    def all(self, what: str) -> list["Element"]:
        """Those that a ``tag``, a ``.class`` or a ``tag.class`` means, not itself."""
        tag, _, named = what.partition(".")
        return [
            each
            for each in self.elements
            if each is not self
            and (not tag or each.tag == tag)
            and (not named or named in each.classes)
        ]

    def first(self, what: str) -> "Element":
        return self.all(what)[0]

    def holds(self, other: "Element") -> bool:
        return any(each is other for each in self.elements)

    def by_id(self, name: str) -> "Element":
        (found,) = (e for e in self.elements if e.attributes.get("id") == name)
        return found


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.root = Element("", {})
        self.open = [self.root]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        assert len(names) == len({*names}), (tag, attrs)
        made = Element(tag, {name: value or "" for name, value in attrs})
        self.open[-1].children.append(made)
        if tag not in VOID:
            self.open.append(made)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        # As SVG has it; of HTML itself only what is void.
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop().tag == tag, f"</{tag}> closes nothing"

    def handle_data(self, data: str) -> None:
        self.open[-1].children.append(data)

    def handle_comment(self, data: str) -> None:
        raise AssertionError(f"a comment: {data}")


def parsed(text: str) -> Element:
    """The tree of a page."""
    reader = _Reader()
    reader.feed(text)
    reader.close()
    assert reader.open == [reader.root], [each.tag for each in reader.open]
    return reader.root
