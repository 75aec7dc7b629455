"""True sentences with one statement changed: a number, a name, a negation, a currency or a sign."""

import random
import re
from collections.abc import Iterator, Sequence

from claims.cases import Case

_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_NAME = re.compile(r"(?<=[a-z,] )[A-Z][a-z]+(?: [A-Z][a-z]+)+")
_OPENING_NAME = re.compile(r"[A-Z][a-z]+(?= [a-z]|['’]s )")
_INNER_NAME = re.compile(r"(?<=[a-z,] )[A-Z][a-z]+\b")
_LOWER = re.compile(r"\b[a-z]+\b")
_MONEY = re.compile(r"\$(?=\d)|(?<=[万亿])元")
_OTHER_MONEY = {"$": "€", "元": "美元"}
_SHARE = re.compile(r"(?<![\d.,-])\d[\d.]*\s?[%％]")
_FALL = re.compile("decreas|declin|reduc|f[ae]ll|drop|los[es]|low|less|down|降|减|跌|亏|负|低")
_HAN = re.compile("[\u4e00-\u9fff]")
_DENIED = re.compile(r"\b(?:not|never) ")
_BE = re.compile(r"\b(was|were|is|are|has|have|had|can|will|would|could)\b(?! not)")
_PAST = re.compile(r"\b([A-Za-z]{4,})ed\b")
_VERBS_ZH = (
    "进行",
    "完成",
    "宣布",
    "实现",
    "获得",
    "成功",
    "提高",
    "增加",
    "签署",
    "达成",
    "发布",
    "收购",
    "启动",
    "通过",
    "是",
    "导致",
    "构成",
)


class Alterations:
    """Changes of one statement in a sentence; names are taken from other sentences."""

    def __init__(self, cases: Sequence[Case], chance: random.Random) -> None:
        self._chance = chance
        self._names = sorted({name for case in cases for name in _NAME.findall(case.said)})
        self._titles = {
            case.name: sorted({t for other in cases if other.name == case.name for t in other.titles}) for case in cases
        }

    def of(self, case: Case) -> Iterator[tuple[str, str]]:
        for kind, altered in (
            ("number", self._number(case)),
            ("name", self._name(case)),
            ("negation", self._negation(case)),
            ("currency", _MONEY.sub(lambda sign: _OTHER_MONEY[sign.group()], case.said)),
            ("sign", None if _FALL.search(case.said) else _SHARE.sub(r"-\g<0>", case.said, count=1)),
        ):
            if altered is not None and altered != case.said:
                yield kind, altered

    def openings(self, cases: Sequence[Case]) -> Iterator[tuple[Case, str]]:
        """Those near their source that open with a name of one word, and the same with that of another."""
        texts = [f"{case.said}\n{case.whole}" for case in cases]
        names = {name for text in texts for name in _INNER_NAME.findall(text)}
        names -= {word.capitalize() for text in texts for word in _LOWER.findall(text)}
        opened = [(case, opening.group()) for case in cases if (opening := _OPENING_NAME.match(case.said))]
        opened = [(case, name) for case, name in opened if name in names and case.is_near]
        others = sorted({name for _, name in opened})
        for case, name in opened:
            other = self._chance.choice([each for each in others if each not in case.whole])
            yield case, other + case.said.removeprefix(name)

    def _number(self, case: Case) -> str | None:
        numbers = list(_NUMBER.finditer(case.said))
        if not numbers:
            return None
        chosen = self._chance.choice(numbers)
        places = [place for place, char in enumerate(chosen.group()) if char.isdigit()]
        place = chosen.start() + self._chance.choice(places)
        other = str((int(case.said[place]) + self._chance.randrange(1, 9)) % 10)
        return case.said[:place] + (other if other != "0" else "5") + case.said[place + 1 :]

    def _name(self, case: Case) -> str | None:
        for title in case.titles:
            if title in case.said:
                return case.said.replace(
                    title, self._chance.choice([t for t in self._titles[case.name] if t not in case.titles])
                )
        held = [name for name in self._names if name in case.said]
        if not held:
            return None
        name = self._chance.choice(held)
        return case.said.replace(
            name, self._chance.choice([n for n in self._names if not set(n.split()) & set(name.split())])
        )

    def _negation(self, case: Case) -> str | None:
        if _HAN.search(case.said):
            verb = next((verb for verb in _VERBS_ZH if verb in case.said), None)
            return None if verb is None else case.said.replace(verb, f"{'不' if verb == '是' else '没有'}{verb}", 1)
        if _DENIED.search(case.said):
            return _DENIED.sub("", case.said, count=1)
        denied = _BE.sub(r"\1 not", case.said, count=1)
        return denied if denied != case.said else _PAST.sub(r"did not \1", case.said, count=1)
