"""The graph of a program -> text for Graphviz, JSON, or a picture that Graphviz draws."""

from typing import TYPE_CHECKING, Literal, TypeAlias

from tpc.report.numbers import Json

if TYPE_CHECKING:
    import networkx

    Graph: TypeAlias = networkx.MultiDiGraph[int]

FILLS = {
    "matrix": "#f6d6c2",
    "vector": "#cfe3f5",
    "row": "#e3d7f0",
    "scalar": "#d5ecd4",
    "param": "#f7ecc0",
    "static": "#eeeeee",
}
"""What each sort is filled with."""

SHAPES = {"matrix": "box3d", "vector": "box", "row": "box"}
"""Node shapes of the sorts that are no plain ellipse."""


GraphFormat: TypeAlias = Literal["dot", "json", "svg", "png"]


class GraphvizMissing(Exception):
    """A picture was asked for, and Graphviz, which draws it, is not there or does not draw."""


def graph_to_dot(graph: "Graph") -> str:
    """Write a graph in the language of Graphviz: nodes in order, then edges in order.

    The numbers 0 and 1 of laws, which all declarations share, are left out.
    """
    edges = [(x, y) for x, y, _ in _sorted_edges(graph) if not _is_plain_law(graph, x, y)]
    left_out = set(graph) - {x for edge in edges for x in edge}
    title = graph.graph.get("title") or graph.graph.get("name", "")
    lines = [
        "digraph {",
        f"    graph [label={_quote(title)}, labelloc=t, rankdir=TB]",
        '    node [fontname="Helvetica", fontsize=11, style=filled]',
        "    edge [color=gray40, arrowsize=0.7]",
    ]
    groups: dict[str, list[str]] = {}
    for number, facts in graph.nodes(data=True):
        if number in left_out and facts["sort"] == "static" and not facts["outputs"]:
            continue
        attributes = {
            "label": _label(facts),
            "shape": SHAPES.get(facts["sort"], "ellipse"),
            "fillcolor": FILLS[facts["sort"]],
            "tooltip": f"{facts['sort']} {_size(facts)}".rstrip() + f", line {facts['span'].line}",
        }
        if facts["outputs"]:
            attributes["penwidth"] = "2.5"
        listed = ", ".join(f"{key}={_quote(value)}" for key, value in attributes.items())
        groups.setdefault(facts["group"], []).append(f"    {number} [{listed}]")
    lines += groups.pop("", [])
    for place, (title, nodes) in enumerate(groups.items()):
        style = f"label={_quote(title)}, labeljust=l, color=gray70, fontsize=10"
        lines += [f"    subgraph cluster_{place} {{", f"        graph [{style}]"]
        lines += [*(f"    {node}" for node in nodes), "    }"]
    lines += [f"    {tail} -> {head}" for tail, head in edges]
    return "\n".join([*lines, "}", ""])


def graph_to_json(graph: "Graph") -> dict[str, Json]:
    """Return a graph as node-link data, which `networkx.node_link_graph(..., edges="edges")` reads.

    Edges carry the operand's position at the use as `key`.
    """
    nodes: list[Json] = []
    for number, facts in graph.nodes(data=True):
        span = facts["span"]
        nodes.append(
            {
                "id": number,
                "label": facts["label"],
                "sort": facts["sort"],
                "shape": list(facts["shape"]),
                "dim": facts["dim"],
                "operation": facts["operation"],
                "names": list(facts["names"]),
                "outputs": list(facts["outputs"]),
                "group": facts["group"],
                "span": {
                    "line": span.line, "column": span.column, "start": span.start, "end": span.end
                },
            }
        )  # fmt: skip
    edges: list[Json] = [
        {"source": tail, "target": head, "key": key} for tail, head, key in _sorted_edges(graph)
    ]
    facts = {str(key): str(value) for key, value in graph.graph.items()}
    return {"directed": True, "multigraph": True, "graph": dict(facts), "nodes": nodes,
            "edges": edges}  # fmt: skip


def draw_graph(graph: "Graph", image_format: GraphFormat) -> bytes:
    """Let Graphviz draw a graph.

    Raises:
        GraphvizMissing: There is no `dot` to run, or it fails.
    """
    import shutil
    import subprocess

    executable = shutil.which("dot")
    if executable is None:
        raise GraphvizMissing(
            f"{image_format} is drawn by Graphviz, whose `dot` is not installed; "
            "install Graphviz, or ask for the format dot or json"
        )
    drawn = subprocess.run(
        [executable, f"-T{image_format}"],
        input=graph_to_dot(graph).encode(),
        capture_output=True,
        check=False,
    )
    if drawn.returncode != 0:
        words = drawn.stderr.decode(errors="replace").strip()
        raise GraphvizMissing(f"Graphviz failed ({executable}): {words}")
    return drawn.stdout


def _sorted_edges(graph: "Graph") -> list[tuple[int, int, int]]:
    return sorted(graph.edges(keys=True), key=lambda edge: (edge[1], edge[2]))


def _is_plain_law(graph: "Graph", tail: int, head: int) -> bool:
    law, declared = graph.nodes[tail], graph.nodes[head]
    return law["label"] in ("0", "1") and declared["operation"] in ("matrix", "vector")


def _label(facts: dict[str, object]) -> str:
    """Return name, operation and size on a line each, those that there are."""
    label, operation, sort = str(facts["label"]), str(facts["operation"]), facts["sort"]
    lines = [label] if operation in (label, sort) else [label, operation]
    size = _size(facts)
    return "\n".join([*lines, size] if size else lines)


def _size(facts: dict[str, object]) -> str:
    shape = facts["shape"]
    assert isinstance(shape, tuple)
    constant = str(list(shape)) if shape else ""
    return " ".join(part for part in (str(facts["dim"]), constant) if part)


def _quote(text: str) -> str:
    """Return a quoted string of the dot language."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
