"""The table of widths is what the fonts say."""

import json

from viz.paint import fonts

from .font_widths import TABLE, table


def test_the_table_of_widths_is_what_the_fonts_say():
    assert json.loads(TABLE.read_text(encoding="ascii")) == table()


def test_the_fonts_come_with_their_licence():
    assert "Bitstream Vera" in fonts.path("LICENSE").read_text(encoding="utf-8")
