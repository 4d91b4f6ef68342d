"""``python -m tests.readme``: write the generated parts of the README and of the page on Redis."""

from tests.readme import rights
from tests.readme.generated import README, redis_page, written_anew

README.write_text(written_anew(README.read_text()))
rights.README.write_text(redis_page(rights.README.read_text()))
