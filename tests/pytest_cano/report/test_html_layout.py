"""Where the states of a diagram stand: whatever the workflow, nothing overlaps."""

from hypothesis import given
from hypothesis import strategies as st

from pytest_cano.report.html.layout import Edge, Layout, Size, lay_out

LABELS = st.integers(0, 9).map("S{}".format)
GRAPHS = st.tuples(
    st.dictionaries(
        LABELS,
        st.builds(Size, st.floats(40, 200), st.floats(30, 90)),
        min_size=1,
    ),
    st.lists(st.tuples(LABELS, LABELS), max_size=20),
)


def drawn(sizes: dict[str, Size], edges: list[Edge]) -> Layout:
    known = [edge for edge in edges if {*edge} <= sizes.keys()]
    return lay_out(sizes, known)


@given(GRAPHS)
def test_no_state_stands_on_another_one_or_outside(graph):
    sizes, edges = graph
    layout = drawn(sizes, edges)

    assert layout.centres.keys() == sizes.keys()
    boxes = [
        (
            x - size.width / 2,
            y - size.height / 2,
            x + size.width / 2,
            y + size.height / 2,
        )
        for label, size in sizes.items()
        for x, y in [layout.centres[label]]
    ]
    slack = 0.01
    for number, (left, top, right, bottom) in enumerate(boxes):
        assert left >= -slack
        assert top >= -slack
        assert right <= layout.width + slack
        assert bottom <= layout.height + slack
        for other in boxes[number + 1 :]:
            apart = (
                right < other[0]
                or other[2] < left
                or bottom < other[1]
                or other[3] < top
            )
            assert apart


@given(GRAPHS)
def test_every_way_goes_right_or_is_one_that_leads_back(graph):
    sizes, edges = graph
    layout = drawn(sizes, edges)

    ways = {edge for edge in edges if {*edge} <= sizes.keys() and edge[0] != edge[1]}
    assert layout.routes.keys() == ways
    for (before, after), route in layout.routes.items():
        goes_right = layout.centres[before][0] < layout.centres[after][0]
        assert goes_right is not route.back
        xs = [x for x, _ in route.points]
        assert xs == sorted(xs, reverse=route.back)


@given(GRAPHS)
def test_the_same_workflow_is_drawn_alike(graph):
    assert drawn(*graph) == drawn(*graph)


def test_a_chain_is_a_straight_line():
    sizes = {name: Size(80, 40) for name in "ABCD"}

    layout = lay_out(sizes, [("A", "B"), ("B", "C"), ("C", "D")])

    assert {y for _, y in layout.centres.values()} == {20}
    assert [layout.centres[name][0] for name in "ABCD"] == [40, 176, 312, 448]
    assert layout.routes["A", "B"].points == ((80, 20), (136, 20))


def test_a_way_past_a_state_keeps_off_it():
    sizes = {name: Size(80, 40) for name in "ABC"}

    layout = lay_out(sizes, [("A", "B"), ("B", "C"), ("A", "C")])

    _, top = layout.centres["B"]
    passing = layout.routes["A", "C"].points[1:-1]
    assert [x for x, _ in passing] == [136, 216]
    assert all(abs(y - top) > 20 for _, y in passing)


def test_only_what_closes_a_loop_leads_back():
    sizes = {name: Size(80, 40) for name in "ABC"}

    layout = lay_out(sizes, [("A", "B"), ("B", "C"), ("C", "A"), ("B", "B")])

    assert {edge: route.back for edge, route in layout.routes.items()} == {
        ("A", "B"): False,
        ("B", "C"): False,
        ("C", "A"): True,
    }
