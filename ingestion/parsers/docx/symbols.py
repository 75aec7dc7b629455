"""What Word's symbol fonts show in the place of Latin letters, or of those that Word moves into the private area.

All of Symbol, after Unicode's table of Adobe's encoding; of Wingdings, what says something.
"""

_FIRST, _SECOND = 0x20, 0xA0
_SYMBOL = (
    " !∀#∃%&∋()∗+,−./0123456789:;<=>?≅ΑΒΧΔΕΦΓΗΙϑΚΛΜΝΟΠΘΡΣΤΥςΩΞΨΖ[∴]⊥_‾αβχδεφγηιϕκλμνοπθρστυϖωξψζ{|}∼",
    "€ϒ′≤⁄∞ƒ♣♦♥♠↔←↑→↓°±″≥×∝∂•÷≠≡≈…|—↵ℵℑℜ℘⊗⊕∅∩∪⊃⊇⊄⊂⊆∈∉∠∇®©™∏√⋅¬∧∨⇔⇐⇑⇒⇓◊〈®©™∑",
)
_PRIVATE = 0xF000
_FONTS: dict[str, dict[int, str]] = {
    "symbol": {
        **{_FIRST + place: sign for place, sign in enumerate(_SYMBOL[0])},
        **{_SECOND + place: sign for place, sign in enumerate(_SYMBOL[1])},
        **{0xF1: "〉", 0xF2: "∫"},
    },
    "wingdings": {0xDF: "←", 0xE0: "→", 0xE8: "➔", 0xFB: "✗", 0xFC: "✓", 0xFD: "☒", 0xFE: "☑", 0x6F: "☐", 0xA8: "☐"},
    "wingdings 2": {0x4F: "✗", 0x50: "✓", 0x51: "☒", 0x52: "☑", 0x53: "☒", 0xA3: "☐"},
}


def shown(text: str, font: str) -> str:
    """What the font shows for the text; what is not known of it stays."""
    signs = _FONTS.get(font.lower())
    if signs is None:
        return text
    return "".join(signs.get(ord(letter) & 0xFF if ord(letter) >= _PRIVATE else ord(letter), letter) for letter in text)
