from collections.abc import Iterable, Sequence

from ingestion.parsers.pdf.parser import PdfParser
from tests.ingestion.files import PdfPage, Text, lines, pdf, rules


def read(texts: Iterable[Text], drawing: str = "", **more: dict[str, str]) -> list[tuple[str, str]]:
    parsed = PdfParser().parse(pdf(PdfPage(list(texts), drawing), **more))
    return [(block.kind, block.text) for block in parsed.blocks]


def row(y: float, cells: Sequence[tuple[float, str]], *, bold: bool = False) -> list[Text]:
    return [Text(x, y, text, bold=bold) for x, text in cells]


STATEMENT = [
    *row(714, [(330, "Years ended June 30,")], bold=True),
    *row(700, [(72, "(In millions)"), (320, "2023"), (420, "2022")], bold=True),
    *row(686, [(72, "Current assets:")]),
    *row(672, [(72, "Cash"), (300, "$"), (320, "2,853"), (400, "$"), (420, "3,053")]),
    *row(658, [(72, "Held for sale, net"), (420, "(192)")]),
    *row(644, [(72, "Receivables, net of allowances")]),
    *row(634, [(72, "of $95 and $103"), (320, "5,020"), (420, "4,911")]),
    *row(615, [(72, "Liabilities")], bold=True),
    *row(601, [(72, "Margin"), (320, "37.2"), (345, "%"), (420, "41.5"), (445, "%")]),
]


def test_a_statement_is_one_table_with_its_heads_sections_and_each_number_in_its_column() -> None:
    above = lines("The company's figures are these, as they were audited for both of the years:", top=740)

    assert read([*above, *STATEMENT]) == [
        ("paragraph", "The company's figures are these, as they were audited for both of the years:"),
        (
            "table",
            "| Years ended June 30,\n"
            "(In millions) | 2023 | 2022\n"
            "Current assets:\n"
            "Cash | $ 2,853 | $ 3,053\n"
            "Held for sale, net |  | (192)\n"
            "Receivables, net of allowances of $95 and $103 | 5,020 | 4,911\n"
            "Liabilities\n"
            "Margin | 37.2 % | 41.5 %",
        ),
    ]


def test_a_tables_row_has_one_region_around_all_its_cells() -> None:
    block = PdfParser().parse(pdf(PdfPage(STATEMENT))).blocks[0]

    found = [block.text[region.start : region.end] for region in block.regions]
    assert found == block.text.split("\n")
    box = block.regions[3].box
    assert box is not None
    assert box[0] < 75
    assert box[2] > 440


def test_numbers_that_are_written_after_their_labels_stand_beside_them() -> None:
    labels = lines("Sales", "Costs", "Profit", top=700, leading=14)
    numbers = [
        *lines("900", "700", "200", x=300, top=700, leading=14),
        *lines("80", "70", "10", x=400, top=700, leading=14),
    ]

    assert read([*labels, *numbers]) == [("table", "Sales | 900 | 80\nCosts | 700 | 70\nProfit | 200 | 10")]


def test_amounts_of_columns_that_nearly_touch_are_cells_of_their_own() -> None:
    texts = [text for y in (700, 686) for text in row(y, [(72, "Total"), (300, "37.2 % $ 627 $ 2,961")])]

    assert read(texts) == [("table", "Total | 37.2 % | $ 627 | $ 2,961\nTotal | 37.2 % | $ 627 | $ 2,961")]


def test_cells_of_several_lines_stand_in_the_row_that_rules_draw_around_them() -> None:
    grid = rules((70, 150, 300, 450), (710, 690, 640, 590))
    cells = [
        *row(695, [(75, "Kind"), (155, "Before"), (305, "After")]),
        *lines("Spread", x=75, top=670),
        *lines("by water or by", "food alone", x=155, top=676),
        *lines("by any way that is", "known to physi-", "cians today", x=305, top=682),
        *lines("Kinds", x=75, top=620),
        *lines("six", x=155, top=620),
        *lines("seventeen", x=305, top=620),
    ]

    assert read(cells, grid) == [
        (
            "table",
            "Kind | Before | After\n"
            "Spread | by water or by food alone | by any way that is known to physicians today\n"
            "Kinds | six | seventeen",
        )
    ]


GRID = rules((70, 150, 300, 450), (690, 660, 630))
GRIDDED = [
    *row(678, [(75, "Ground"), (155, "Spread by water alone"), (305, "Spread in any way")]),
    *row(648, [(75, "Kinds"), (155, "Six that doctors know"), (305, "Seventeen kinds")]),
]
GRIDDED_TEXT = "Ground | Spread by water alone | Spread in any way\nKinds | Six that doctors know | Seventeen kinds"


def test_rows_right_above_a_ruled_table_are_its_heads_wherever_in_their_columns_they_stand() -> None:
    caption = [Text(72, 724, "[Table 1] The law before and after")]
    heads = [
        *row(710, [(100, "What"), (205, "Before"), (352, "After")]),
        *row(697, [(78, "Class"), (155, "First class"), (305, "First grade")]),
    ]

    assert read([*caption, *heads, *GRIDDED], GRID) == [
        ("paragraph", "[Table 1] The law before and after"),
        ("table", f"What | Before | After\nClass | First class | First grade\n{GRIDDED_TEXT}"),
    ]


def test_a_line_with_gaps_above_a_ruled_table_is_none_of_its_rows_where_it_has_other_columns() -> None:
    gapped = row(700, [(75, "We"), (108, "map it")])

    assert read([*gapped, *GRIDDED], GRID) == [("paragraph", "We map it"), ("table", GRIDDED_TEXT)]


def test_a_frame_around_text_is_no_table() -> None:
    frame = rules((60, 560), (730, 600))

    assert read(lines("In a frame stands text that nobody", "would take for a table."), frame) == [
        ("paragraph", "In a frame stands text that nobody would take for a table.")
    ]


def test_rows_that_run_from_right_to_left_are_read_from_the_right() -> None:
    meant = {"a": "\u05d0", "b": "\u05d1", "c": "\u05d2"}
    texts = [text for y in (700, 686) for text in row(y, [(300, "1403"), (450, "abc")])]

    assert read(texts, meant=meant) == [("table", "\u05d2\u05d1\u05d0 | 1403\n\u05d2\u05d1\u05d0 | 1403")]


def test_gaps_in_two_lines_of_prose_make_no_table() -> None:
    texts = [
        *row(700, [(72, "We map"), (160, "to a context")]),
        *row(688, [(72, "and apply the matrix"), (230, "to it.")]),
    ]

    assert read(texts) == [("paragraph", "We map to a context and apply the matrix to it.")]


def test_words_that_are_driven_apart_to_fill_a_column_are_no_cells() -> None:
    said = [
        Text(72, 720, "Every crack was inspected with an endoscope of 8"),
        Text(72, 708, "millimetres diameter. The observers", paint="15 Tw"),
        Text(72, 696, "recorded species, position and the", paint="14 Tw"),
        Text(72, 684, "temperature of the wall."),
    ]

    assert read(said) == [("paragraph", " ".join(text.text for text in said))]
    words = [
        *row(700, [(72, "Team"), (120, "Monday"), (180, "Tuesday"), (240, "Wednesday")]),
        *row(688, [(72, "Blue"), (120, "early"), (180, "late"), (240, "off")]),
    ]
    assert read(words) == [("table", "Team | Monday | Tuesday | Wednesday\nBlue | early | late | off")]
