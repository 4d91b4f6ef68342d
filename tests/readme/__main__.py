"""``python -m tests.readme``: write the README's generated parts anew."""

from tests.readme.generated import README, written_anew

README.write_text(written_anew(README.read_text()))
