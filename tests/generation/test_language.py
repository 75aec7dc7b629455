import pytest

from generation.language import reply_language


@pytest.mark.parametrize(
    "text",
    ["什么是FastAPI？", "FastAPI 和 Starlette 的依赖注入系统有什么区别？", "香港", "為什麼要用 Python 3.11"],
)
def test_a_question_in_chinese_is_chinese_whatever_names_it_holds(text: str) -> None:
    assert reply_language(text) == "zh"


@pytest.mark.parametrize(
    "text", ["What is FastAPI?", "What does the character 香 mean in this book of names?", "", "42?", "¿Qué es esto?"]
)
def test_all_else_is_answered_in_english(text: str) -> None:
    assert reply_language(text) == "en"
