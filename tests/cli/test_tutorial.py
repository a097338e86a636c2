"""`microgradx tutorial`: the pages are the course, walked in the terminal with every block run live."""

import pytest

from microgradx.explain.lesson import GAP, blocks, lesson, lessons, title
from tests.cli.run import refusal, shown


def test_without_a_number_it_lists_the_pages() -> None:
    listed = shown("tutorial")
    assert len(lessons()) >= 5
    for number, path in lessons().items():
        assert f"{number}  {title(path).partition('. ')[2]}" in listed


@pytest.mark.parametrize("number", lessons())
def test_every_block_of_a_page_is_run_and_shows_what_the_page_shows(number: int) -> None:
    walked = shown("tutorial", str(number), "--width", "200", COLUMNS="100", NO_COLOR="1")
    walked = "\n".join(line.rstrip() for line in walked.split("\n"))
    runs = [block.text for block in blocks(lesson(number).read_text("utf-8")) if block.runs]
    for part in (part for text in runs for part in text.split(GAP)):
        assert part.strip() in walked, f"the page shows, the walk does not:\n{part}"


def test_a_page_that_does_not_exist_is_refused_with_those_that_do() -> None:
    assert "there is no tutorial 99; there are 1, 2" in refusal("tutorial", "99")
