from pathlib import Path

from tests.settings_table import settings_table

README = Path(__file__).parents[2] / "README.md"


def test_the_readme_holds_the_table_of_settings() -> None:
    assert settings_table() in README.read_text(), (
        "put the output of `python -m tests.settings_table` into README.md"
    )
