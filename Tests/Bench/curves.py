"""Draws curves as SVG: nothing but what a page needs, in the colours of the page's light or dark."""

import math

WIDTH, HEIGHT = 720, 400
LEFT, RIGHT, TOP, BOTTOM = 76, 24, 62, 56
COLOURS = ("#0b62d6", "#c2410c", "#15803d", "#7e22ce")
STYLE = """
text { font: 13px system-ui, sans-serif; fill: #1d1d1f } .title { font-size: 15px; font-weight: 600 }
.grid { stroke: #d8d8dc; stroke-width: 1 } .axis { stroke: #6e6e73; stroke-width: 1 } .page { fill: #ffffff }
@media (prefers-color-scheme: dark) {
  text { fill: #f5f5f7 } .grid { stroke: #424245 } .axis { stroke: #a1a1a6 } .page { fill: #1d1d1f }
}"""


def short(number):
    """A number as a label: 20 k, 1.5 M."""
    for limit, unit in ((1e6, " M"), (1e3, " k")):
        if abs(number) >= limit:
            return f"{number / limit:g}{unit}"
    return f"{number:g}"


def escape(text):
    return text.replace("&", "&amp;").replace("<", "&lt;")


class Axis:
    """A logarithmic axis, or a straight one from 0."""

    def __init__(self, values, start, end, *, is_logarithmic):
        self.start, self.end, self.is_logarithmic = start, end, is_logarithmic
        low, high = min(values), max(values)
        if is_logarithmic:
            self.low, self.high = math.floor(math.log10(low)), math.ceil(math.log10(high))
            self.high = max(self.high, self.low + 1)
            self.ticks = [10**power for power in range(self.low, self.high + 1)]
        else:
            step = 10 ** math.floor(math.log10(high or 1))
            step = next(step * part for part in (0.1, 0.2, 0.5, 1, 2) if high / (step * part) <= 6)
            self.low, self.high = 0, math.ceil(high / step) * step
            self.ticks = [number * step for number in range(round(self.high / step) + 1)]

    def place(self, value):
        value = math.log10(value) if self.is_logarithmic else value
        return self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start)


def svg(title, x_title, y_title, series, *, logarithmic_y=False):
    """A chart.

    - series: for each curve its name and its points, with x above 0.
    """
    points = [point for _, curve in series for point in curve]
    x = Axis([point[0] for point in points], LEFT, WIDTH - RIGHT, is_logarithmic=True)
    y = Axis([point[1] for point in points], HEIGHT - BOTTOM, TOP, is_logarithmic=logarithmic_y)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img">',
        f"<title>{escape(title)}</title><style>{STYLE}</style>",
        f'<rect class="page" width="{WIDTH}" height="{HEIGHT}"/>',
        f'<text class="title" x="{LEFT}" y="22">{escape(title)}</text>',
        f'<text x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - 14}" text-anchor="middle">{escape(x_title)}</text>',
        f'<text x="16" y="{(TOP + HEIGHT - BOTTOM) / 2}" text-anchor="middle" '
        f'transform="rotate(-90 16 {(TOP + HEIGHT - BOTTOM) / 2})">{escape(y_title)}</text>',
    ]
    for tick in x.ticks:
        place = x.place(tick)
        parts.append(f'<line class="grid" x1="{place:.1f}" y1="{TOP}" x2="{place:.1f}" y2="{HEIGHT - BOTTOM}"/>')
        parts.append(f'<text x="{place:.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">{short(tick)}</text>')
    for tick in y.ticks:
        place = y.place(tick)
        parts.append(f'<line class="grid" x1="{LEFT}" y1="{place:.1f}" x2="{WIDTH - RIGHT}" y2="{place:.1f}"/>')
        parts.append(f'<text x="{LEFT - 8}" y="{place + 4:.1f}" text-anchor="end">{short(tick)}</text>')
    parts.append(f'<path class="axis" fill="none" d="M{LEFT} {TOP}V{HEIGHT - BOTTOM}H{WIDTH - RIGHT}"/>')
    for number, (name, curve) in enumerate(series):
        colour = COLOURS[number % len(COLOURS)]
        line = " ".join(f"{x.place(a):.1f},{y.place(b):.1f}" for a, b in curve)
        parts.append(f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts += [f'<circle cx="{x.place(a):.1f}" cy="{y.place(b):.1f}" r="3.5" fill="{colour}"/>' for a, b in curve]
        if len(series) > 1:
            place = LEFT + 180 * number
            parts.append(f'<rect x="{place}" y="39" width="18" height="4" fill="{colour}"/>')
            parts.append(f'<text x="{place + 26}" y="46">{escape(name)}</text>')
    return "\n".join([*parts, "</svg>"]) + "\n"
