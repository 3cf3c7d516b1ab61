#!/usr/bin/env python3
"""Cuts DejaVu Sans down to what a report's pictures are written in: regular.ttf and bold.ttf beside this file.

    pip install fonttools
    python3 src/report/fonts/make.py FOLDER      with DejaVuSans.ttf and DejaVuSans-Bold.ttf (2.37)

Latin, Greek, punctuation and the signs that figures use; no hinting, no features. Other scripts are taken from the machine's fonts.
"""

import sys
from pathlib import Path

from fontTools import subset
from fontTools.ttLib import TTFont

NAME = "Tiltmeter Sans"  # so that no font of the machine is taken for it
RANGES = [
    (0x20, 0x7E), (0xA0, 0x17F), (0x192, 0x192), (0x2C6, 0x2C6), (0x2DC, 0x2DC), (0x391, 0x3A9), (0x3B1, 0x3C9),
    (0x2010, 0x2015), (0x2018, 0x201E), (0x2020, 0x2022), (0x2026, 0x2026), (0x2030, 0x2030), (0x2032, 0x2033),
    (0x2039, 0x203A), (0x20AC, 0x20AC), (0x2190, 0x2193), (0x2212, 0x2212), (0x2215, 0x2215), (0x221E, 0x221E),
    (0x2248, 0x2248), (0x2260, 0x2260), (0x2264, 0x2265), (0xFFFD, 0xFFFD),
]  # fmt: skip


def main() -> None:
    source, here = Path(sys.argv[1]), Path(__file__).resolve().parent
    for file, out, style in (("DejaVuSans.ttf", "regular.ttf", "Regular"), ("DejaVuSans-Bold.ttf", "bold.ttf", "Bold")):
        font = TTFont(source / file, recalcTimestamp=False)
        options = subset.Options(hinting=False, layout_features=[], name_IDs=[0, 1, 2, 3, 4, 6, 13, 14], notdef_outline=True)
        options.drop_tables += ["FFTM", "GSUB", "GPOS", "GDEF", "kern"]
        cutter = subset.Subsetter(options)
        cutter.populate(unicodes=[c for low, high in RANGES for c in range(low, high + 1)])
        cutter.subset(font)
        for record in font["name"].names:
            new = {1: NAME, 2: style, 3: f"{NAME} {style}", 4: f"{NAME} {style}", 6: f"TiltmeterSans-{style}"}.get(record.nameID)
            if new:
                record.string = new
        font.save(here / out)


if __name__ == "__main__":
    main()
