"""Create a thumbnail of an uploaded image."""

from __future__ import annotations

from PIL import Image

from asok_core import task


@task(queue="low", retries=1, timeout=60)
def make_thumbnail(source: str, target: str, longest: int = 200) -> tuple[int, int]:
    with Image.open(source) as image:
        image.thumbnail((longest, longest))
        image.save(target)
        return image.size
