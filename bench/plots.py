"""Draws the curves of results.json: `plots.py RESULTS FOLDER`, run by the yardstick's own Python, which has pygal."""

import json
import sys
from pathlib import Path

import pygal
from pygal.style import Style

STYLE = Style(
    background="transparent", plot_background="transparent", foreground="#808080", foreground_strong="#808080",
    foreground_subtle="#80808060", colors=("#0a7d6c", "#c2571a"), font_family="sans-serif",
)  # fmt: skip


def main(results: Path, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, lines in json.loads(results.read_text())["curves"].items():
        chart = pygal.XY(
            style=STYLE, js=[], width=720, height=360, x_title=name.rpartition(" by ")[2], y_title="ms a request",
            title=name, show_dots=True, pretty_print=False, explicit_size=True, disable_xml_declaration=True,
            range=(0, max(y for points in lines.values() for _x, y in points)), legend_at_bottom=True,
            truncate_legend=-1, truncate_label=-1, x_value_formatter="{:,.0f}".format,
        )  # fmt: skip
        for line, points in lines.items():
            chart.add(line, points)
        (folder / f"{name.replace(' ', '-')}.svg").write_text(chart.render(is_unicode=True))


main(Path(sys.argv[1]), Path(sys.argv[2]))
