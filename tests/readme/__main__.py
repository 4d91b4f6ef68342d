"""``python -m tests.readme``: write the generated parts of the documentation."""

from tests.readme.generated import GENERATED, rewritten

for page in GENERATED:
    page.write_text(rewritten(page))
